import type { Failure } from './facts';
import { statusOf, type OrderEntry } from './projection';

const shownOf = ({ type, message, retryCount, failedAt }: Failure): Failure => ({ type, message, retryCount, failedAt });

/**
 * The order as it is shown, as the text of a JSON object: its canonical text and, behind it, what became of it. Every time comes
 * from a record.
 * @returns undefined while the order itself is unknown, for example when retention cut it and left its payment
 */
export const viewOf = (entry: OrderEntry): string | undefined => {
  const { order, payment, failure, attempts = 1 } = entry;
  if (order === undefined) return undefined;
  const { text, createdAt } = order;
  const updatedAt = payment?.at ?? failure?.failedAt ?? createdAt;
  const outcome = payment === undefined ? { failure: failure && shownOf(failure) } : { paymentId: payment.paymentId };
  return `${text.slice(0, -1)},${JSON.stringify({ status: statusOf(entry), createdAt, updatedAt, attempts, ...outcome }).slice(1)}`;
};
