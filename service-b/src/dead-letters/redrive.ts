import { originalOf, readDeadLetter, UnreadableDeadLetterError, type DeadLetter } from '../kafka/dead-letter';
import { withTrace } from '../kafka/header-changes';
import type { LogRecord, Range } from '../kafka/log-reader';
import { letterIdOf, markOf, redriveCountOf, withMark } from '../kafka/redrive-headers';
import { traceOf } from '../utils/tracing';
import type { RedriveRequest } from './command';
import type { Log } from './log';
import { createSender, type Send } from './sender';
import { matches, orderOf, positionOf, summaryAndLetterOf } from './summary';

type Topics = { orders: string; payments: string; deadLetters: string };

/** A chosen dead letter: where it is, and what decides about it. Its value is read again when it is put back. */
export type Candidate = {
  partition: number;
  offset: bigint;
  /** As of `letterIdOf`. */
  letter: string;
  /** A byte as a character. */
  key: string | undefined;
  order: string | undefined;
  redriveCount: number;
  /** Where its original was; undefined if it cannot be read. */
  original: Pick<DeadLetter, 'originalTopic' | 'originalPartition' | 'originalOffset'> | undefined;
};
type Candidates = ReadonlyMap<string, Candidate>;

/**
 * What the log says about the chosen ones: the orders that are paid, the positions that a record of `orders` came from, what service-b
 * can still come to read of `orders`, and the orders that have a record there which was not put back.
 */
export type Known = {
  paid: ReadonlySet<string>;
  redriven: ReadonlySet<string>;
  uncommitted: readonly Range[];
  unsettled: ReadonlySet<string>;
};

/**
 * Whether service-b can still come to read the original, say after a crash. Its first key may never have reached the provider: read after
 * its redrive was charged, it would be charged too. What the topic does not hold does not come again.
 */
const canComeAgain = ({ original }: Candidate, uncommitted: readonly Range[]): boolean => {
  if (original === undefined) return false;
  const [{ originalTopic, originalPartition }, offset] = [original, BigInt(original.originalOffset)];
  return uncommitted.some(({ topic, partition, from, to }) =>
    topic === originalTopic && partition === originalPartition && from <= offset && offset < to);
};

/** Why a dead letter is not put back on `topic`; undefined if it is. `max` is how often the record of an order may be. */
export const reasonToSkip = (
  position: string, candidate: Candidate, { paid, redriven, uncommitted, unsettled }: Known, { topic, max }: { topic: string; max: number },
): string | undefined => {
  const { order, redriveCount, original } = candidate;
  if (original === undefined) return 'cannot be read';
  if (original.originalTopic !== topic) return `original is not of ${topic}`;
  if (redriven.has(position)) return 'put back before';
  if (order !== undefined && paid.has(order)) return 'order is paid';
  if (redriveCount >= max) return `put back ${max} times, the most that REDRIVE_MAX allows`;
  if (canComeAgain(candidate, uncommitted)) return 'original is not committed yet';
  // An order can lie in the topic twice, and each of its records is charged under the first key.
  return order !== undefined && unsettled.has(order) ? 'another record of the order is not committed yet' : undefined;
};

/** Of a record of `orders` or `payments`. */
const orderIn = ({ message: { key } }: LogRecord): string | undefined => orderOf(key && key.toString());

const keyOf = ({ message: { key } }: LogRecord): string | undefined => key?.toString('latin1');

/**
 * Whether the mark on a record of `orders` is right to name this dead letter: positions come again when the topic is made anew, and anybody
 * can write headers, so it has to tell the letter's id.
 */
const isMarkOf = ({ letter, key }: Candidate, record: LogRecord): boolean =>
  keyOf(record) === key && markOf(record.message.headers)?.letter === letter;

/** No more of a letter than is needed: its value is read again when it is put back. */
const originalPlaceOf = ({ originalTopic, originalPartition, originalOffset }: DeadLetter): Candidate['original'] =>
  ({ originalTopic, originalPartition, originalOffset });

/** The dead letters that were asked for, and when the oldest was appended, in milliseconds since 1970. */
const choose = async (log: Log, topic: string, { positions, filter }: Pick<RedriveRequest, 'positions' | 'filter'>) => {
  const ranges = positions === undefined ? await log.rangesOf(topic, filter.since) : await log.rangesAt(topic, positions);
  const wanted = positions && new Set(positions.map(({ partition, offset }) => `${partition}:${offset}`));
  const chosen = new Map<string, Candidate>();
  let oldest = Infinity;
  await log.scan(ranges, (record) => {
    if (wanted?.has(positionOf(record)) === false) return;
    const { summary, letter } = summaryAndLetterOf(record);
    if (!matches(filter, summary)) return;
    const { partition, message: { offset, timestamp, value } } = record;
    oldest = Math.min(oldest, Number(timestamp));
    chosen.set(summary.position, {
      partition,
      offset: BigInt(offset),
      letter: letterIdOf(value),
      key: keyOf(record),
      order: orderOf(summary.key),
      redriveCount: summary.redriveCount,
      original: letter && originalPlaceOf(letter),
    });
  });
  return { chosen, oldest };
};

/** Nothing was put back before it had failed, but its order may have been paid long before: `payments` is read as a whole. */
const readKnown = async (
  log: Log, topics: Topics, chosen: Candidates, { oldest, max }: { oldest: number; max: number },
): Promise<Known> => {
  const orders = new Set([...chosen.values()].map(({ order }) => order));
  const paid = new Set<string>();
  const redriven = new Set<string>();
  const unsettled = new Set<string>();
  if (chosen.size === 0) return { paid, redriven, uncommitted: [], unsettled };
  // First: what became of an original that is committed stands in the log by then.
  const uncommitted = await log.uncommittedOf(topics.orders, (ranges) =>
    [...chosen.values()].some((candidate) => candidate.redriveCount < max && canComeAgain(candidate, ranges)));
  await log.scan(uncommitted, (record) => {
    const order = orderIn(record);
    if (order !== undefined && orders.has(order) && redriveCountOf(record.message.headers) === 0) unsettled.add(order);
  });
  await log.scan([...await log.rangesOf(topics.payments), ...await log.rangesOf(topics.orders, oldest)], (record) => {
    const { topic, message } = record;
    if (topic === topics.payments) {
      const order = orderIn(record);
      if (order !== undefined && orders.has(order)) paid.add(order);
      return;
    }
    const position = markOf(message.headers)?.of;
    const candidate = position === undefined ? undefined : chosen.get(position);
    if (position !== undefined && candidate !== undefined && isMarkOf(candidate, record)) redriven.add(position);
  });
  return { paid, redriven, uncommitted, unsettled };
};

/** For each partition, from the first to the last of them: they come in the order of their offsets. */
const spansOf = (topic: string, candidates: Candidates): Range[] => {
  const spans = new Map<number, Range>();
  for (const { partition, offset } of candidates.values()) {
    spans.set(partition, { topic, partition, from: spans.get(partition)?.from ?? offset, to: offset + 1n });
  }
  return [...spans.values()];
};

/** What is to happen. */
export type Plan = {
  chosen: number;
  /** How many for each reason. */
  skipped: ReadonlyMap<string, number>;
  toPutBack: number;
};

export type Outcome = Plan & {
  putBack: number;
  /** Positions of what cannot be put back: the topic does not take it. */
  refused: string[];
  /** What ended it before its time. */
  stopped?: unknown;
};

/**
 * Puts the originals of dead letters back on `orders`, each with a mark: the count of its redrives and the dead letter it came from.
 * A later run finds that mark in the log: whatever ends this one, it can be run again.
 */
export const createRedrive = ({ log, topics, max, send, confirm, judged, onRedriven, signal }: {
  log: Log;
  topics: Topics;
  max: number;
  send: Send;
  /** Whether to go on with it. */
  confirm: (plan: Plan) => Promise<boolean>;
  /** Hears in a dry run of each that was chosen, and why it is skipped, if it is. */
  judged: (position: string, candidate: Candidate, reason: string | undefined) => void;
  /** Hears of each that is back on the topic, and how many are by now. */
  onRedriven: (position: string, count: number, plan: Plan) => void;
  signal: AbortSignal;
}) => {
  const redriveAll = async (taken: Candidates, rate: number, outcome: Outcome): Promise<void> => {
    const refuse = (position: string): void => void outcome.refused.push(position);
    const count = (position: string): void => onRedriven(position, outcome.putBack += 1, outcome);
    const sender = createSender({ send, rate, onSent: count, onRefused: refuse, signal });

    const take = async ({ message }: LogRecord, position: string, candidate: Candidate, beat: () => Promise<void>): Promise<void> => {
      const { letter, redriveCount } = candidate;
      if (letterIdOf(message.value) !== letter) throw new Error(`${position} holds another dead letter than the one that was chosen`);
      try {
        const { partition, key, value, headers } = originalOf(readDeadLetter(message.value), message.headers);
        // With spans, the dead letter tells where the first try ended.
        const marked = withMark(withTrace(headers, traceOf(message.headers)), { of: position, letter, count: redriveCount + 1 });
        await sender.add({ position, message: { key, value, headers: marked, fallbackPartition: partition } }, beat);
      } catch (error) {
        if (!(error instanceof UnreadableDeadLetterError)) throw error;
        refuse(position);
      }
    };

    try {
      await log.read(spansOf(topics.deadLetters, taken), (record, beat) => {
        const position = positionOf(record);
        const candidate = taken.get(position);
        return candidate && take(record, position, candidate, beat);
      });
      await sender.flush();
    } catch (error) {
      outcome.stopped = error;
    }
  };

  return async ({ positions, filter, dryRun, rate }: RedriveRequest): Promise<Outcome> => {
    const { chosen, oldest } = await choose(log, topics.deadLetters, { positions, filter });
    const known = await readKnown(log, topics, chosen, { oldest, max });
    const taken = new Map<string, Candidate>();
    const skipped = new Map<string, number>();
    for (const [at, candidate] of chosen) {
      const reason = reasonToSkip(at, candidate, known, { topic: topics.orders, max });
      if (reason === undefined) taken.set(at, candidate);
      else skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      if (dryRun) judged(at, candidate, reason);
    }
    const outcome: Outcome = { chosen: chosen.size, skipped, toPutBack: taken.size, putBack: 0, refused: [] };
    if (!dryRun && taken.size > 0 && await confirm(outcome)) await redriveAll(taken, rate, outcome);
    return outcome;
  };
};
