import type { Timed } from './load';
import { readTopic, type TopicRecord } from './read-topic';
import type { Stage } from './stage';

/** How much slower an answer or an outcome may be without a registry, at the 99th percentile. */
const SLOWER_MS = 150;

/** The records that tell how orders came out. */
export const readOutcomes = async ({ reach, topics }: Stage): Promise<TopicRecord[]> =>
  [...await readTopic(reach, topics.payments), ...await readTopic(reach, topics.deadLetters)];

const percentiles = (timed: Timed[], from: number, to: number): { p50: number; p99: number; count: number } => {
  const all = timed.filter(({ at }) => at >= from && at < to).map(({ ms }) => ms).toSorted((x, y) => x - y);
  return { p50: all[Math.floor(all.length / 2)] ?? NaN, p99: all[Math.floor(all.length * 0.99)] ?? NaN, count: all.length };
};

/** From an order's record to its outcome's. */
export const outcomeTimes = async (stage: Stage): Promise<Timed[]> => {
  const outcomes = new Map((await readOutcomes(stage)).map(({ key, appendedAt }) => [key?.toString(), appendedAt]));
  return (await readTopic(stage.reach, stage.topics.orders))
    .map(({ key, appendedAt: at }) => ({ at, ms: (outcomes.get(key?.toString()) ?? Infinity) - at }));
};

/** Says how quick something was while the registry was there and while it was away; throws when it stopped, or was slower. */
export const compareTimes = (what: string, timed: Timed[], [start, from, to]: [number, number, number]): void => {
  const [before, away] = [percentiles(timed, start, from), percentiles(timed, from, to)];
  console.log(`  ${what}, p50 / p99 ms: ${before.p50} / ${before.p99} before, ${away.p50} / ${away.p99} while it was away (${away.count})`);
  if (away.count === 0) throw new Error(`${what}: none while the registry was away`);
  if (!(away.p99 <= before.p99 + SLOWER_MS)) throw new Error(`${what}: p99 ${away.p99} ms while the registry was away, ${before.p99} ms before`);
};
