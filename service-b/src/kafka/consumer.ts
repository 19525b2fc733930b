import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf } from '../utils/tracing';
import type { ConsumedRecord } from './dead-letter';
import { createKeyQueue } from './key-queue';
import { superviseConsumer } from './supervise';
import { createWindow, type PartitionWindow } from './window';

/** Resolves once the record's outcome is published; rejects only when `signal` aborts. */
export type ProcessRecord = (record: ConsumedRecord, signal: AbortSignal) => Promise<void>;

const HEARTBEAT_MS = 1_000;
const COMMIT_INTERVAL_MS = 300;
const DRAIN_TIMEOUT_MS = 3_000;
/** Per partition. One order in backoff (about 1.5 s at most) must not fill the window at some thousand records a second. */
const WINDOW_RECORDS = 10_000;
const WINDOW_BYTES = 16 * 1_024 * 1_024;

/** A batch of at least `records` means load: then a short rest before the next fetch fills it. Below it, nothing is delayed. */
const BUSY = { records: 8, restMs: 30 };

/** What a member holds between two rebalances. It ends as a whole: what has no outcome by then is fetched again by whoever is next. */
type Generation = { windows: Map<number, PartitionWindow>; ended: AbortController };

const newGeneration = (): Generation => ({ windows: new Map(), ended: new AbortController() });

export type OrderConsumer = ReturnType<typeof createOrderConsumer>;

/**
 * Consumes `topic`: records of one key in order, keys side by side, fetching on while single records take their time. Offsets are
 * committed by one timer, and only up to the highest gap-free record whose outcome is published.
 */
export const createOrderConsumer = ({ kafka, topic, groupId, process, onJoin, onRestart, logger }: {
  kafka: Kafka;
  topic: string;
  groupId: string;
  process: ProcessRecord;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  let generation = newGeneration();
  let stopping = false;
  let commitTimer: NodeJS.Timeout | undefined;
  let committing: Promise<void> = Promise.resolve();
  /** Last offset committed by partition, within this generation. */
  let committed = new Map<number, string>();

  const windowOf = ({ windows }: Generation, partition: number): PartitionWindow => {
    let window = windows.get(partition);
    if (window === undefined) windows.set(partition, window = createWindow({ maxRecords: WINDOW_RECORDS, maxBytes: WINDOW_BYTES }));
    return window;
  };

  const keys = createKeyQueue();

  const take = (owner: Generation, window: PartitionWindow, record: ConsumedRecord): void => {
    const { key, value, offset } = record.message;
    const slot = window.add(offset, (key?.length ?? 0) + (value?.length ?? 0));
    keys.run(key?.toString('latin1'), async () => {
      if (owner.ended.signal.aborted) return;
      try {
        await process(record, owner.ended.signal);
        window.finish(slot);
      } catch (error) {
        if (!owner.ended.signal.aborted) {
          // Nothing may pass by a record without an outcome: the offset stays uncommitted, and the whole consumer starts anew.
          const traceId = traceIdOf(traceOf(record.message.headers));
          logger.error('record has no outcome, consuming it again', { topic, partition: record.partition, offset, traceId, error });
          supervised.restart(error);
        }
      }
    });
  };

  const eachBatch = async ({ batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> => {
    const owner = generation;
    const window = windowOf(owner, batch.partition);
    for (const message of batch.messages) {
      while (window.full() && isRunning() && !stopping) {
        await window.waitForRoom(HEARTBEAT_MS / 2);
        supervised.sign();
        await heartbeat();
      }
      if (stopping || !isRunning() || isStale() || owner !== generation) return;
      take(owner, window, { topic: batch.topic, partition: batch.partition, message });
    }
    if (batch.messages.length >= BUSY.records) await new Promise((resolve) => setTimeout(resolve, BUSY.restMs));
    await heartbeat();
  };

  const commitNow = async (): Promise<void> => {
    const consumer = supervised.current();
    const owner = generation;
    const offsets = [...owner.windows].flatMap(([partition, window]) => {
      const offset = window.nextToCommit();
      return offset === undefined || committed.get(partition) === offset ? [] : [{ topic, partition, offset }];
    });
    if (consumer === undefined || offsets.length === 0 || !supervised.healthy()) return;
    try {
      await consumer.commitOffsets(offsets);
      if (owner === generation) for (const { partition, offset } of offsets) committed.set(partition, offset);
    } catch (error) {
      logger.warn('commit failed, the next one covers it', { error });
    }
  };

  /** Commits one after the other. */
  const commit = (): Promise<void> => {
    committing = committing.then(commitNow);
    return committing;
  };

  const commitForever = async (): Promise<void> => {
    await commit();
    if (!stopping) commitTimer = setTimeout(() => void commitForever(), COMMIT_INTERVAL_MS);
  };

  const startGeneration = (): void => {
    generation.ended.abort(new Error('the partitions were reassigned'));
    generation = newGeneration();
    committed = new Map();
  };

  const begin = async (consumer: Consumer, signal: AbortSignal): Promise<void> => {
    // On the wire before this member's JoinGroup, hence still in the generation that owns the partitions.
    consumer.on(consumer.events.REBALANCING, () => void commitNow());
    consumer.on(consumer.events.GROUP_JOIN, startGeneration);
    await consumer.connect();
    signal.throwIfAborted();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    signal.throwIfAborted();
    await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 3, eachBatch });
  };

  const supervised = superviseConsumer({
    create: () => kafka.consumer({
      groupId,
      allowAutoTopicCreation: false,
      sessionTimeout: 6_000,
      rebalanceTimeout: 10_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: 500,
      retry: { retries: 3, restartOnFailure: async () => false },
    }),
    begin,
    onJoin,
    onRestart,
    logger,
  });

  const drained = async (): Promise<void> => {
    const deadline = Date.now() + DRAIN_TIMEOUT_MS;
    const pending = (): number => [...generation.windows.values()].reduce((sum, window) => sum + window.pending(), 0);
    while (pending() > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    if (pending() > 0) logger.info('records without an outcome are left for the next start', { records: pending() });
  };

  return {
    start: (): void => {
      supervised.start();
      void commitForever();
    },
    /** Takes nothing more in, gives what is under way up to 3 s, commits, and leaves the group. */
    stop: async (): Promise<void> => {
      stopping = true;
      clearTimeout(commitTimer);
      await drained();
      generation.ended.abort(new Error('shutting down'));
      await commit();
      await supervised.stop();
    },
    /** Joined, and in touch with the broker. */
    healthy: supervised.healthy,
  };
};
