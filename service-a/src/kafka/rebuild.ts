import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Admin, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import type { Cursor, Cursors } from './cursors';
import type { SchemaNeededError } from './avro';
import { createTimeOrder, type Run } from './time-order';
import { untilKnown } from './until-known';

const RETRY_MS = 1_000;
const WATCH_INTERVAL_MS = 2_000;
/** Batches that are read ahead and wait for their turn, of all partitions and of one at least. */
const AHEAD_BATCHES = 36;
/** So many records are handled before other work of the process gets its turn. */
const CHUNK_RECORDS = 1_000;

/** What is read of a partition while the state is rebuilt: a batch, and how to hold the partition back. */
export type ReadAhead = { cursor: Cursor; messages: KafkaMessage[]; end: bigint; pause: () => () => void };

/** Handles records one after the other. @returns how many; not all of them when the next one needs a schema that is not known yet */
export type HandleAll = (cursor: Cursor, messages: KafkaMessage[]) => { count: number; needs?: SchemaNeededError };

export type Rebuild = ReturnType<typeof createRebuild>;

/**
 * Reads the log up to the end that it had at the start. Records are handled in the order of their times: so the state passes through what
 * it was when they were new, and holds in the end what a service that never stopped holds.
 */
export const createRebuild = ({ kafka, cursors, handleAll, pulse, logger }: {
  kafka: Pick<Kafka, 'admin'>;
  cursors: Cursors;
  handleAll: HandleAll;
  /** Tells the broker of life, between two chunks. */
  pulse: () => Promise<void>;
  logger: Logger;
}) => {
  const startedAt = Date.now();
  const timeOrder = createTimeOrder<Cursor>();
  /** Of the partitions that are paused because enough of them waits. */
  const resumes = new Map<Cursor, () => void>();
  let handled = 0;
  let seconds = 0;
  let done = false;
  let takingTurns = false;
  let stopping = false;
  /** How often what waits was forgotten. */
  let clears = 0;
  const elapsed = (): number => (Date.now() - startedAt) / 1_000;
  const behind = (): ReadonlySet<Cursor> => cursors.behind() ?? new Set();

  const noteEnd = (): void => {
    if (seconds > 0 || cursors.behind()?.size !== 0) return;
    seconds = Math.max(elapsed(), 0.001);
    logger.info('state is rebuilt', { records: handled, seconds });
  };

  const advance = (cursor: Cursor, next: bigint): void => {
    if (cursors.advance(cursor, next)) noteEnd();
  };

  const isAhead = (cursor: Cursor): boolean => timeOrder.waiting(cursor) * cursors.all().length >= AHEAD_BATCHES;

  /** Handles a run, for as long as it has to wait for schemas. @returns false when it was forgotten meanwhile, to be read again */
  const handleRun = async ({ partition, messages, next }: Run<Cursor>): Promise<boolean> => {
    const before = clears;
    for (let left = messages; ;) {
      const { count, needs } = handleAll(partition, left);
      handled += count;
      left = left.slice(count);
      if (needs === undefined) break;
      advance(partition, BigInt(left[0]!.offset));
      await untilKnown(needs, left, () => stopping || clears > before, () => pulse());
      if (stopping || clears > before) return false;
    }
    advance(partition, next);
    return true;
  };

  /** Handles what waits, as far as it is known to be next. */
  const takeTurns = async (): Promise<void> => {
    if (takingTurns || done) return;
    takingTurns = true;
    try {
      let sinceRest = 0;
      for (let run = timeOrder.take(behind(), CHUNK_RECORDS); run !== undefined; run = timeOrder.take(behind(), CHUNK_RECORDS)) {
        if (!await handleRun(run)) return;
        if (!isAhead(run.partition)) {
          resumes.get(run.partition)?.();
          resumes.delete(run.partition);
        }
        sinceRest += run.messages.length;
        if (sinceRest < CHUNK_RECORDS) continue;
        sinceRest = 0;
        // KafkaJS asks again after the batch, and heeds the answer then.
        await pulse().catch(() => undefined);
        await setImmediate();
      }
      done = cursors.behind()?.size === 0;
    } finally {
      takingTurns = false;
    }
  };

  const withAdmin = async (ask: (admin: Admin) => Promise<void>): Promise<void> => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      await ask(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  };

  const learnEnds = async (): Promise<void> => {
    while (cursors.behind() === undefined && !stopping) {
      try {
        await withAdmin(cursors.learnEnds);
      } catch (error) {
        logger.warn('cannot read the ends of the topics, trying again', { error });
        await setTimeout(RETRY_MS, undefined, { ref: false });
      }
    }
    const records = [...behind()].reduce((sum, { next, end }) => sum + Number(end - next), 0);
    if (!stopping) logger.info('rebuilding state from the log', { records, partitions: behind().size });
    await takeTurns();
    noteEnd();
  };

  /** Says how far it is, and looks for what is not there to be read any more. */
  const watch = async (): Promise<void> => {
    while (!done && !stopping) {
      await setTimeout(WATCH_INTERVAL_MS, undefined, { ref: false });
      if (done) return;
      logger.info('rebuilding state', { records: handled, partitionsBehind: behind().size, seconds: elapsed() });
      await withAdmin((admin) => cursors.passDeleted(admin, (cursor) => timeOrder.waiting(cursor) === 0)).catch(() => undefined);
      await takeTurns();
      noteEnd();
    }
  };

  return {
    /** Asks the broker where the log begins and ends now, for as long as it takes to get an answer. */
    start: async (): Promise<void> => {
      await learnEnds();
      void watch();
    },
    stop: (): void => {
      stopping = true;
    },
    /** Every partition has been read to the end it had at the start. */
    caughtUp: (): boolean => cursors.behind()?.size === 0,
    /** Nothing waits for its turn any more: from now on records are handled as they come. */
    done: (): boolean => done,
    /** What it took; 0 until then. */
    seconds: (): number => seconds,
    /** Takes a batch that was read ahead. */
    add: ({ cursor, messages, end, pause }: ReadAhead): Promise<void> => {
      timeOrder.add(cursor, messages, end);
      if (isAhead(cursor)) resumes.set(cursor, pause());
      return takeTurns();
    },
    /** Passes offsets that hold nothing to handle. */
    pass: (cursor: Cursor, end: bigint): Promise<void> => {
      if (!timeOrder.extend(cursor, end)) advance(cursor, end);
      return takeTurns();
    },
    /** What waits is read again from where the cursors stand. */
    clear: (): void => {
      clears += 1;
      timeOrder.clear();
      resumes.forEach((resume) => resume());
      resumes.clear();
    },
  };
};
