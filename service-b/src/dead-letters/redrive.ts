import { originalOf, readDeadLetter, UnreadableDeadLetterError } from '../kafka/dead-letter';
import type { LogRecord, Range } from '../kafka/log-reader';
import { redriveHeaders, redrivenFrom } from '../kafka/redrive-headers';
import type { RedriveCommand } from './command';
import { cell } from './format';
import type { Log } from './log';
import { createSender, type Send } from './sender';
import { matches, orderOf, positionOf, summaryOf } from './summary';

type Topics = { orders: string; payments: string; deadLetters: string };

/** A chosen dead letter: where it is, and what decides about it. Its value is read again when it is put back. */
export type Candidate = { partition: number; offset: bigint; order: string | undefined; redriveCount: number; readable: boolean };
type Candidates = ReadonlyMap<string, Candidate>;

/** What the log says about the chosen ones: the orders that are paid, and the positions that a record of `orders` came from. */
export type Known = { paid: ReadonlySet<string>; putBack: ReadonlySet<string> };

/** Why a dead letter is not put back; undefined if it is. `max` is how often the record of an order may be. */
export const reasonToSkip = (
  position: string, { order, redriveCount, readable }: Candidate, { paid, putBack }: Known, max: number,
): string | undefined => {
  if (!readable) return 'cannot be read';
  if (putBack.has(position)) return 'put back before';
  if (order !== undefined && paid.has(order)) return 'order is paid';
  return redriveCount >= max ? `put back ${max} times, the most that REDRIVE_MAX allows` : undefined;
};

const verdictText = (position: string, { order, redriveCount }: Candidate, reason: string | undefined): string =>
  `${position}  ${cell(order ?? '-')}  ${reason === undefined ? `would be put back, redrive ${redriveCount + 1}` : `would be skipped: ${reason}`}`;

/** The dead letters that were asked for, and when the oldest was appended, in milliseconds since 1970. */
const choose = async (log: Log, topic: string, { position, filter }: Pick<RedriveCommand, 'position' | 'filter'>) => {
  const ranges = position === undefined ? await log.rangesOf(topic, filter.since) : [await log.rangeAt(topic, position)];
  const chosen = new Map<string, Candidate>();
  let oldest = Infinity;
  await log.scan(ranges, (record) => {
    const summary = summaryOf(record);
    if (!matches(filter, summary)) return;
    const { partition, message } = record;
    const { position: at, key, redriveCount, errorType } = summary;
    oldest = Math.min(oldest, Number(message.timestamp));
    chosen.set(at, { partition, offset: BigInt(message.offset), order: orderOf(key), redriveCount, readable: errorType !== null });
  });
  return { chosen, oldest };
};

/** Nothing was put back before it had failed, but its order may have been paid long before: `payments` is read as a whole. */
const lookBack = async (log: Log, topics: Topics, chosen: Candidates, oldest: number): Promise<Known> => {
  const orders = new Set([...chosen.values()].map(({ order }) => order));
  const paid = new Set<string>();
  const putBack = new Set<string>();
  if (chosen.size === 0) return { paid, putBack };
  await log.scan([...await log.rangesOf(topics.payments), ...await log.rangesOf(topics.orders, oldest)], ({ topic, message }) => {
    if (topic === topics.payments) {
      const order = orderOf(message.key && message.key.toString());
      if (order !== undefined && orders.has(order)) paid.add(order);
      return;
    }
    const position = redrivenFrom(message.headers);
    if (position !== undefined && chosen.has(position)) putBack.add(position);
  });
  return { paid, putBack };
};

/** For each partition, from the first to the last of them: they come in the order of their offsets. */
const spansOf = (topic: string, candidates: Candidates): Range[] => {
  const spans = new Map<number, Range>();
  for (const { partition, offset } of candidates.values()) {
    spans.set(partition, { topic, partition, from: spans.get(partition)?.from ?? offset, to: offset + 1n });
  }
  return [...spans.values()];
};

export type Outcome = {
  chosen: number;
  /** How many for each reason. */
  skipped: Map<string, number>;
  toPutBack: number;
  putBack: number;
  /** Positions of what cannot be put back: the topic does not take it. */
  refused: string[];
  /** What ended it before its time. */
  stopped?: unknown;
};

/**
 * Puts the originals of dead letters back on `orders`, each with the count of its redrives and the position it came from. A later run
 * finds that position in the log: whatever ends this one, it can be run again.
 */
export const createRedrive = ({ log, topics, max, send, confirm, print, progress, signal }: {
  log: Log;
  topics: Topics;
  max: number;
  send: Send;
  /** Whether to go on with so many. */
  confirm: (count: number) => Promise<boolean>;
  print: (line: string) => void;
  progress: (text: string) => void;
  signal: AbortSignal;
}) => {
  const putBack = async (taken: Candidates, rate: number, outcome: Outcome): Promise<void> => {
    const refuse = (position: string): void => void outcome.refused.push(position);
    const sender = createSender({ send, rate, refuse, signal });

    const take = async ({ message }: LogRecord, position: string, count: number, beat: () => Promise<void>): Promise<void> => {
      try {
        const { partition, key, value, headers } = originalOf(readDeadLetter(message.value), message.headers);
        const marked = { ...headers, ...redriveHeaders({ count, of: position }) };
        await sender.add({ position, message: { key, value, headers: marked, fallbackPartition: partition } }, beat);
      } catch (error) {
        if (!(error instanceof UnreadableDeadLetterError)) throw error;
        refuse(position);
      }
      progress(`${sender.sent()} of ${taken.size} put back`);
    };

    try {
      await log.read(spansOf(topics.deadLetters, taken), (record, beat) => {
        const position = positionOf(record);
        const candidate = taken.get(position);
        return candidate && take(record, position, candidate.redriveCount + 1, beat);
      });
      await sender.flush();
    } catch (error) {
      outcome.stopped = error;
    }
    outcome.putBack = sender.sent();
  };

  return async ({ position, filter, dryRun, rate }: RedriveCommand): Promise<Outcome> => {
    const { chosen, oldest } = await choose(log, topics.deadLetters, { position, filter });
    const known = await lookBack(log, topics, chosen, oldest);
    const taken = new Map<string, Candidate>();
    const skipped = new Map<string, number>();
    for (const [at, candidate] of chosen) {
      const reason = reasonToSkip(at, candidate, known, max);
      if (reason === undefined) taken.set(at, candidate);
      else skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      if (dryRun) print(verdictText(at, candidate, reason));
    }
    const outcome: Outcome = { chosen: chosen.size, skipped, toPutBack: taken.size, putBack: 0, refused: [] };
    if (!dryRun && taken.size > 0 && await confirm(taken.size)) await putBack(taken, rate, outcome);
    return outcome;
  };
};
