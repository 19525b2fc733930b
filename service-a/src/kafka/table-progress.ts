import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import type { StoredPosition } from '../processors/tables';
import type { Logger } from '../utils/logger';
import { askEnds, idOf, type LogEnds } from './log-ends';

const POLL_MS = { behind: 250, caughtUp: 2_000 };
/** What is older than this is not shown: no figure is better than a wrong one. */
const STALE_MS = 15_000;

/** How many records the tables are behind an end; what the log no longer holds is no record to wait for. */
const behindOf = (positions: ReadonlyMap<string, bigint>, { low, ...of }: LogEnds, end: bigint): bigint => {
  const next = positions.get(idOf(of)) ?? 0n;
  const from = next > low ? next : low;
  return end > from ? end - from : 0n;
};

export type TableProgress = ReturnType<typeof createTableProgress>;

/** Watches how far the tables are behind the log, whichever replica writes them. */
export const createTableProgress = ({ kafka, topics, positions, logger }: {
  kafka: Pick<Kafka, 'admin'>;
  topics: readonly string[];
  positions: () => readonly StoredPosition[];
  logger: Logger;
}) => {
  /** The ends that were there at the start. */
  let goal: ReadonlyMap<string, bigint> | undefined;
  const startedAt = performance.now();
  /** From the start until the tables had caught up; 0 until then. */
  let seconds = 0;
  const caughtUp = (): boolean => seconds > 0;
  let behind: { topic: string; records: number }[] = [];
  let readAt = -Infinity;
  let stopping = false;

  const note = (ends: readonly LogEnds[]): void => {
    const nexts = new Map(positions().map((position) => [idOf(position), position.next]));
    const goals = goal ??= new Map(ends.map((one) => [idOf(one), one.high]));
    behind = topics.map((topic) => ({
      topic, records: ends.reduce((sum, one) => sum + (one.topic === topic ? Number(behindOf(nexts, one, one.high)) : 0), 0),
    }));
    readAt = performance.now();
    if (caughtUp() || !ends.every((one) => behindOf(nexts, one, goals.get(idOf(one)) ?? 0n) === 0n)) return;
    seconds = Math.max((performance.now() - startedAt) / 1_000, 0.001);
    logger.info('the tables have caught up with the log', { seconds });
  };

  const watch = async (): Promise<void> => {
    while (!stopping) {
      try {
        note(await askEnds(kafka, topics));
      } catch (error) {
        logger.debug('cannot tell how far the tables are, trying again', { error });
      }
      await sleep(caughtUp() ? POLL_MS.caughtUp : POLL_MS.behind, undefined, { ref: false });
    }
  };

  return {
    start: (): void => void watch(),
    stop: (): void => {
      stopping = true;
    },
    /** True from the moment the tables have passed the ends that the topics had at this replica's start. */
    caughtUp,
    /** What that took; 0 until then. */
    seconds: (): number => seconds,
    /** By topic; empty while the broker or the database does not answer. */
    behind: (): readonly { topic: string; records: number }[] => (performance.now() - readAt < STALE_MS ? behind : []),
  };
};
