import type { Failure } from './order.ts';
import type { Row } from './store.ts';

/** What happened to an order, as far as it is known. A redrive leaves no time of its own. */
export type Step =
  | { kind: 'created'; at: string }
  | { kind: 'failed'; at: string; failure: Failure }
  | { kind: 'redriven'; attempt: number; times: number }
  | { kind: 'completed'; at: string; paymentId: string | undefined }
  | { kind: 'waiting' };

const failed = (failure: Failure): Step => ({ kind: 'failed', at: failure.failedAt, failure });

/** The steps of an order, the first one first. service-a tells the last failure alone: earlier ones are known if they were seen here. */
export const historyOf = ({ order, past }: Pick<Row, 'order' | 'past'>): Step[] => {
  const steps: Step[] = [{ kind: 'created', at: order.createdAt }];
  const unseen = order.attempts - 1 - past.length;
  if (unseen > 0) steps.push({ kind: 'redriven', attempt: unseen + 1, times: unseen });
  past.forEach((failure, i) => {
    steps.push(failed(failure));
    const attempt = unseen + i + 2;
    if (attempt > 1) steps.push({ kind: 'redriven', attempt, times: 1 });
  });
  if (order.status === 'completed') steps.push({ kind: 'completed', at: order.updatedAt, paymentId: order.paymentId });
  else steps.push(order.failure === undefined ? { kind: 'waiting' } : failed(order.failure));
  return steps;
};
