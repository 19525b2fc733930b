import type { LogFetch } from '../kafka/log-fetch';
import { CLOCK_MARGIN_MS, type LogRecord, type Range } from '../kafka/log-reader';
import { markOf } from '../kafka/redrive-headers';
import type { Logger } from '../utils/logger';
import { createGaps } from './gaps';
import type { Letters } from './letters';
import { textOf } from './summary';

/** What is decoded in one go, and so what other work of the process waits for. */
const PIECE_BYTES = 262_144;

type Topics = { orders: string; payments: string; deadLetters: string };

/**
 * Reads the dead letters into the index piece by piece, newest first, and then what became of them: who was paid, and what was put back.
 */
export const createCatchUp = ({ log, letters, topics, changed, logger }: {
  log: LogFetch;
  letters: Pick<Letters, 'add' | 'paid' | 'marked' | 'cutBefore' | 'clear' | 'oldest' | 'isCut'>;
  topics: Topics;
  /** Hears that something was read. */
  changed: () => void;
  logger: Logger;
}) => {
  const gaps = createGaps();
  /** Of `orders` and `payments`: read to `from`, to be read to `to`. None before the dead letters have been read. */
  let outcomes: Range[] | undefined;
  let ends: Range[] = [];

  /** The ends of `orders` and `payments` come first: whatever they say by then is of letters that are read before them. */
  const findEnds = async (): Promise<void> => {
    ends = [...await log.ends(topics.orders), ...await log.ends(topics.payments)];
    for (const range of await log.ends(topics.deadLetters)) {
      const found = gaps.extend(range);
      if (found === 'anew') {
        logger.warn('the log begins anew', { topic: range.topic, partition: range.partition, offset: range.from });
        letters.clear();
        gaps.clear();
        outcomes = undefined;
        return findEnds();
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

  return {
    /** Asks how far there is something to read now. */
    findEnds,
    readPiece,
    /** What is read next is what somebody waits for. */
    begin: gaps.begin,
    /** Whether of some partition nothing has been read since it began, though there is something. */
    isFirst: gaps.isFirst,
    /** Letters that are not read yet. */
    unread: gaps.unread,
    /** Nothing is left to be read, as far as the ends are known. */
    isComplete: (): boolean => !letters.isCut() && gaps.unread() === 0 && outcomes?.every(({ from, to }) => from >= to) === true,
  };
};
