import type { Kafka } from 'kafkajs';
import type { Codec } from '../kafka/codec';
import { askEnds, idOf, type LogEnds } from '../kafka/log-ends';
import { createProjector } from '../kafka/projector';
import { createFactReader } from '../kafka/read-facts';
import type { Batch, BatchResult } from '../processors/tables';
import { CHANGES_KEPT } from '../store/postgres/types';
import type { Logger } from '../utils/logger';
import { passOn } from '../utils/tracing';
import { pause } from '../utils/when-aborted';
import type { FreshTables } from './fresh-tables';

const SHOW_MS = 200;

export type Topics = { orders: string; payments: string; deadLetters: string };

/** Reads the whole log into fresh tables, in a group of its own, and goes on following it until it is stopped. */
export const createLogCopy = ({ kafka, groupId, codec, topics, fresh, onRestart, logger }: {
  kafka: Kafka;
  /** A group of its own. */
  groupId: string;
  codec: Codec;
  topics: Topics;
  fresh: Pick<FreshTables, 'applyBatch' | 'startPartition' | 'positions' | 'behind'>;
  /** As of `superviseConsumer`. */
  onRestart: () => void;
  logger: Logger;
}) => {
  const names = Object.values(topics);
  /** Before these offsets nothing is told: those who come back from further away are told of everything anew in any case. */
  let pasts: ReadonlyMap<string, bigint> = new Map();
  /** How far was read, whether it is in the tables yet or not. */
  const nexts = new Map<string, bigint>();
  let read = 0;
  let unreadable = 0;
  const readFacts = createFactReader({
    codec,
    topics,
    groupId,
    onRecord: (_topic, outcome) => {
      read += 1;
      if (outcome === 'unreadable') unreadable += 1;
    },
    // Both were done when the records were new.
    startSpan: passOn.start,
    trail: { log: () => undefined },
    logger,
  });
  const applyBatch = (batch: Batch): Promise<BatchResult> => {
    const next = BigInt(batch.to);
    nexts.set(idOf(batch), next);
    return fresh.applyBatch({ ...batch, isPast: next <= (pasts.get(idOf(batch)) ?? 0n) });
  };
  const projector = createProjector({
    kafka, groupId, topics: names, readFacts, paced: true, onJoin: () => undefined, onRestart, logger,
    tables: { startPartition: fresh.startPartition, applyBatch },
  });

  /** Whether the fresh tables know the log up to these ends, and what those in use know. */
  const isCaughtUp = async (ends: readonly LogEnds[]): Promise<boolean> => {
    const isAt = (positions: ReadonlyMap<string, bigint>): boolean =>
      ends.every((end) => (positions.get(idOf(end)) ?? end.low) >= end.high);
    // To ask the tables has them written at once, however little waits: not before all is read.
    return isAt(nexts) && isAt(await fresh.positions()) && await fresh.behind() === 0n;
  };

  return {
    /** Records that were read, and how many of them could not be. */
    figures: (): { read: number; unreadable: number } => ({ read, unreadable }),
    /** Where the log begins and ends now. */
    ends: (): Promise<LogEnds[]> => askEnds(kafka, names),
    /** Begins to read, towards these ends. */
    start: (ends: readonly LogEnds[]): void => {
      pasts = new Map(ends.map((end) => [idOf(end), end.high - CHANGES_KEPT]));
      projector.start();
    },
    /** Resolves once the fresh tables know the log up to these ends, and what those in use know. @throws the reason of `signal` */
    caughtUp: async (ends: readonly LogEnds[], progress: () => void, signal: AbortSignal): Promise<void> => {
      while (!await isCaughtUp(ends)) {
        progress();
        await pause(SHOW_MS, signal);
      }
    },
    /** Leaves the group, of which nothing stays. */
    stop: async (): Promise<void> => {
      await projector.stop();
      const admin = kafka.admin();
      try {
        await admin.connect();
        await admin.deleteGroups([groupId]);
      } catch (error) {
        logger.debug('the group is left to be forgotten', { error });
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
    },
  };
};
