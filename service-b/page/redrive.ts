import { countText } from './format.ts';
import { listOf } from './http.ts';
import { allOf, isRecord, isText, isTime } from './kinds.ts';

type Skipped = { reason: string; count: number };

/** What a redrive would do. */
export type Plan = { chosen: number; toPutBack: number; skipped: Skipped[] };

export type Redrive = Plan & {
  id: string;
  state: 'running' | 'done' | 'stopped' | 'failed';
  startedAt: string;
  putBack: number;
  /** Positions of what the topic did not take. */
  refused: string[];
  /** What became of what was put back. */
  paid: number;
  failedAgain: number;
  pending: number;
  error: string | null;
};

const states = ['running', 'done', 'stopped', 'failed'] as const;
const isSkipped = (value: unknown): value is Skipped => isRecord(value) && allOf('string', value.reason) && allOf('number', value.count);

export const planOf = (answer: unknown): Plan | undefined => {
  if (!isRecord(answer) || !allOf('number', answer.chosen, answer.toPutBack)) return undefined;
  return { chosen: answer.chosen as number, toPutBack: answer.toPutBack as number, skipped: listOf(answer.skipped, isSkipped) };
};

export const redriveOf = (answer: unknown): Redrive | undefined => {
  const plan = planOf(answer);
  if (plan === undefined || !isRecord(answer)) return undefined;
  const { id, startedAt, putBack, paid, failedAgain, pending, refused, error } = answer;
  const state = states.find((each) => each === answer.state);
  if (!isText(id) || !isTime(startedAt) || state === undefined || !allOf('number', putBack, paid, failedAgain, pending)) return undefined;
  return {
    ...plan, id, state, startedAt: startedAt as string, putBack: putBack as number,
    paid: paid as number, failedAgain: failedAgain as number, pending: pending as number,
    refused: listOf(refused, isText), error: isText(error) ? error : null,
  };
};

const lettersText = (count: number): string => count === 1 ? '1 dead letter' : `${countText(count)} dead letters`;

/** How far a redrive is, in a sentence; `live` is false while nobody answers. */
export const redriveText = ({ state, chosen, putBack, toPutBack, paid, failedAgain, pending }: Redrive, live: boolean): string => {
  if (live && state === 'running' && chosen === 0) return 'Reading which are to be put back …';
  const far = `${countText(putBack)} of ${lettersText(toPutBack)} put back`;
  const fates = [[paid, 'paid'], [failedAgain, 'failed again'], [pending, 'pending']] as const;
  const fate = putBack === 0 ? '' : `: ${fates.filter(([count]) => count > 0).map(([count, word]) => `${countText(count)} ${word}`).join(', ')}`;
  if (!live && state === 'running') return `${far} when service-b last answered. Whether it goes on is not known.`;
  const heads = { running: '', done: 'Done. ', stopped: 'Stopped. ', failed: 'Ended by an error. ' };
  return `${heads[state]}${far}${fate}.`;
};

const PUT_BACK_BEFORE = 'put back before';
const putBackBefore = ({ skipped }: Plan): number => skipped.find(({ reason }) => reason === PUT_BACK_BEFORE)?.count ?? 0;

/** What the log says of a redrive that service-b no longer knows: `then` is its dry run before it began, `now` the same one today. */
export const lostText = (then: Plan | undefined, now: Plan | undefined): string => {
  const head = 'service-b was started anew and no longer knows this redrive.';
  if (then === undefined || now === undefined) return `${head} What it put back is in the log: the list shows it, and nothing is put back twice.`;
  const done = Math.max(0, putBackBefore(now) - putBackBefore(then));
  return `${head} The log says: ${countText(done)} of ${lettersText(then.toPutBack)} were put back, ${countText(now.toPutBack)} can still be.`;
};
