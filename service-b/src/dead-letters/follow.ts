import { setTimeout as sleep } from 'node:timers/promises';
import type { LogFetch } from '../kafka/log-fetch';
import type { LogRecord, Range } from '../kafka/log-reader';
import { markOf } from '../kafka/redrive-headers';
import type { Logger } from '../utils/logger';
import { createGaps } from './gaps';
import type { Letters } from './letters';
import { textOf } from './summary';

/** So often the ends of the topics are asked for. */
const LOOK_MS = 1_000;
/** Nobody looks: it rests, and goes on from there when somebody does. */
const REST_AFTER_MS = 60_000;
/** What is decoded in one go, and so what other work of the process waits for. */
const PIECE_BYTES = 262_144;
const MAX_REST_MS = 50;
/** As of the log reader: clocks of producers differ. */
const CLOCK_MARGIN_MS = 3_600_000;

type Topics = { orders: string; payments: string; deadLetters: string };

/**
 * Reads the dead letters into the index while somebody looks, newest first, and then what became of them: who was paid, and what was put
 * back. It reads small pieces and rests between them for as long as each took: payments go before.
 */
export const createFollow = ({ log, letters, topics, wanted, changed, logger, lookMs = LOOK_MS }: {
  log: LogFetch & { close: () => Promise<void> };
  letters: Pick<Letters, 'add' | 'paid' | 'marked' | 'cutBefore' | 'clear' | 'oldest' | 'isCut'>;
  topics: Topics;
  /** Whether it is to go on although nobody has asked for a while. */
  wanted: () => boolean;
  /** Hears that something was read. */
  changed: () => void;
  logger: Logger;
  lookMs?: number;
}) => {
  const gaps = createGaps();
  const stopped = new AbortController();
  /** Of `orders` and `payments`: read to `from`, to be read to `to`. None before the dead letters have been read. */
  let outcomes: Range[] | undefined;
  let ends: Range[] = [];
  let askedAt = -Infinity;
  let running: Promise<void> | undefined;
  let failing = false;
  /** When everything had been read to its end, in milliseconds since 1970. */
  let asOf: number | undefined;
  let hasFirst = false;
  let hasRead = false;
  let waiting: (() => void)[] = [];

  const tellFirst = (): void => {
    hasFirst = true;
    waiting.forEach((tell) => tell());
    waiting = [];
  };

  /** The ends of `orders` and `payments` come first: whatever they say by then is of letters that are read before them. */
  const look = async (): Promise<void> => {
    ends = [...await log.ends(topics.orders), ...await log.ends(topics.payments)];
    for (const range of await log.ends(topics.deadLetters)) {
      const found = gaps.extend(range);
      if (found === 'anew') {
        logger.warn('the log begins anew', { topic: range.topic, partition: range.partition, offset: range.from });
        letters.clear();
        gaps.clear();
        outcomes = undefined;
        return look();
      }
      if (found === 'cut') letters.cutBefore(range.partition, range.from);
    }
    if (outcomes !== undefined) outcomes = ends.map((end) => aimed(end, outcomes!));
  };

  /** From where it was read to, if that is still there. */
  const aimed = (end: Range, known: Range[]): Range => {
    const from = known.find(({ topic, partition }) => topic === end.topic && partition === end.partition)?.from ?? end.from;
    return { ...end, from: from < end.from || from > end.to ? end.from : from };
  };

  /** Nothing was put back before it had failed, but its order may have been paid long before. */
  const beginOutcomes = async (): Promise<void> => {
    const oldest = letters.oldest();
    if (oldest === undefined) {
      outcomes = ends.map((end) => ({ ...end, from: end.to }));
      return;
    }
    const starts = await log.startAt(topics.orders, Math.max(0, oldest - CLOCK_MARGIN_MS));
    outcomes = ends.map((end) => (end.topic === topics.orders ? { ...end, from: starts.get(end.partition) ?? end.from } : end));
  };

  const readLetters = async (gap: Range): Promise<void> => {
    const { messages, next } = await log.fetch(gap, PIECE_BYTES);
    const { topic, partition } = gap;
    const held = messages.map((message) => letters.add({ topic, partition, message })).filter(Boolean).length;
    gaps.read(gap, next);
    // Older ones find no room either.
    if (held === 0 && messages.length > 0 && letters.isCut()) gaps.giveUp(partition);
    if (messages.length > 0) changed();
  };

  const tellOutcome = ({ topic, message: { key, headers } }: LogRecord): void => {
    if (topic === topics.payments) {
      if (key !== null) letters.paid(textOf(key));
      return;
    }
    const mark = markOf(headers);
    if (mark !== undefined) letters.marked(mark, key && textOf(key));
  };

  const readOutcomes = async (range: Range): Promise<void> => {
    const { topic, partition } = range;
    const { messages, next } = await log.fetch(range, PIECE_BYTES);
    for (const message of messages) tellOutcome({ topic, partition, message });
    range.from = next;
    if (messages.length > 0) changed();
  };

  /** @returns false when everything was read */
  const readPiece = async (): Promise<boolean> => {
    const gap = gaps.newest();
    if (gap !== undefined) {
      await readLetters(gap);
      return true;
    }
    if (outcomes === undefined) await beginOutcomes();
    const range = outcomes?.find(({ from, to }) => from < to);
    if (range === undefined) return false;
    await readOutcomes(range);
    return true;
  };

  const readOn = async (until: number): Promise<void> => {
    for (let more = true; more && Date.now() < until && !stopped.signal.aborted;) {
      const startedAt = performance.now();
      more = await readPiece();
      const isFirst = gaps.isFirst();
      if (!isFirst && !hasFirst) tellFirst();
      hasRead ||= hasFirst;
      if (more && !isFirst) await sleep(Math.min(MAX_REST_MS, performance.now() - startedAt));
      if (!more) asOf = Date.now();
    }
  };

  const isAwake = (): boolean => !stopped.signal.aborted && (wanted() || Date.now() - askedAt < REST_AFTER_MS);

  const run = async (): Promise<void> => {
    hasFirst = false;
    gaps.begin();
    while (isAwake()) {
      const until = Date.now() + lookMs;
      try {
        await look();
        await readOn(until);
        failing = false;
      } catch (error) {
        logger.log(failing ? 'debug' : 'warn', 'cannot read the dead letters, trying again', { error });
        failing = true;
      }
      await sleep(Math.max(0, until - Date.now()), undefined, { ref: false, signal: stopped.signal }).catch(() => undefined);
    }
    await log.close();
  };

  const wake = (): void => {
    askedAt = Date.now();
    running ??= run().finally(() => {
      running = undefined;
      // Somebody asked while it went to rest.
      if (isAwake()) wake();
    });
  };

  return {
    /** Somebody looks. Resolves once the newest letters have been read since it woke up, or after `ms`. */
    ask: (ms: number): Promise<void> => {
      wake();
      if (hasFirst) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    stop: async (): Promise<void> => {
      stopped.abort();
      tellFirst();
      await running;
    },
    /** Letters that are not read yet. */
    left: gaps.left,
    /** Nothing is left to be read, of what was there at `asOf`. */
    isComplete: (): boolean => !letters.isCut() && gaps.left() === 0 && outcomes?.every(({ from, to }) => from >= to) === true,
    asOf: (): number | undefined => asOf,
    /** Whether the broker does not answer, and nothing is known. */
    isBlind: (): boolean => failing && !hasRead,
  };
};
