import { randomUUID } from 'node:crypto';
import { nextTick } from 'node:process';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { everyPartitionToEveryMember } from './assigner';
import { createCursors, type Cursor } from './cursors';
import { superviseConsumer, type Life } from './supervise';

/** What to do with a record. A record that means nothing is the handler's to count; what it throws is a defect, and ends the process. */
export type HandleRecord = (record: { topic: string; partition: number; message: KafkaMessage }) => void;

const COMMIT_INTERVAL_MS = 1_000;
const MAX_PARTITIONS = 64;
/** How long the group may keep a new member waiting before it reads without it. */
const STAND_IN_AFTER_MS = 500;
const PROGRESS_INTERVAL_MS = 2_000;
/** So long new partitions and moved leaders may go unnoticed without an error. */
const METADATA_MAX_AGE_MS = 10_000;
/** So many records are handled before other work of the process gets its turn. */
const CHUNK_RECORDS = 1_000;
/**
 * The rest before the next fetch. A batch of at least `busyRecords` means load: then a longer one fills the next batch. The short one is
 * for what comes back at once, this service's own order: its outcome, a moment later, comes with the next fetch, and no fetch is answered
 * at the moment when the broker acknowledges the next order.
 */
const REST = { busyRecords: 8, busyMs: 30, shortMs: 5 };

export type Follower = ReturnType<typeof createFollower>;

/** Reads the topics from their beginning, every partition of them, and goes on following them. What it commits is for lag tools to see. */
export const createFollower = ({ kafka, groupId, topics, handle, onJoin: onJoined, onRestart, logger }: {
  kafka: Kafka;
  groupId: string;
  /** The first one is read to its end before the others: what they say is about what it says. */
  topics: string[];
  handle: HandleRecord;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  const [first, ...rest] = topics;
  const others = rest.map((topic) => ({ topic }));
  const cursors = createCursors(topics);
  let stopping = false;
  let resumeOthers: () => void = () => undefined;
  let commitTimer: NodeJS.Timeout | undefined;
  let handled = 0;
  const startedAt = Date.now();
  let rebuildSeconds = 0;
  const seconds = (): number => (Date.now() - startedAt) / 1_000;
  const caughtUp = (): boolean => cursors.behind()?.size === 0;
  const firstIsBehind = (): boolean => [...cursors.behind() ?? []].some(({ topic }) => topic === first);

  const noteEnd = (): void => {
    if (!firstIsBehind()) resumeOthers();
    if (!caughtUp() || rebuildSeconds > 0) return;
    rebuildSeconds = Math.max(seconds(), 0.001);
    logger.info('state is rebuilt', { records: handled, seconds: rebuildSeconds });
  };

  const advance = (cursor: Cursor, next: bigint): void => {
    if (cursors.advance(cursor, next)) noteEnd();
  };

  /** Asks the broker, for as long as it takes to get an answer. */
  const learnEnds = async (): Promise<void> => {
    while (cursors.behind() === undefined && !stopping) {
      const admin = kafka.admin();
      try {
        await admin.connect();
        await cursors.learnEnds(admin);
        const behind = [...cursors.behind() ?? []];
        const records = behind.reduce((sum, { next, end }) => sum + Number(end - next), 0);
        logger.info('rebuilding state from the log', { records, partitions: behind.length });
        noteEnd();
      } catch (error) {
        logger.warn('cannot read the ends of the topics, trying again', { error });
        await setTimeout(1_000, undefined, { ref: false });
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
    }
  };

  /** While the state is rebuilt: says how far it is, and looks for what is not there to be read any more. */
  const watchRebuild = async (): Promise<void> => {
    while (!caughtUp() && !stopping) {
      await setTimeout(PROGRESS_INTERVAL_MS, undefined, { ref: false });
      if (caughtUp()) return;
      logger.info('rebuilding state', { records: handled, partitionsBehind: cursors.behind()?.size, seconds: seconds() });
      const admin = kafka.admin();
      await admin.connect().then(() => cursors.passDeleted(admin)).then(noteEnd, () => undefined);
      await admin.disconnect().catch(() => undefined);
    }
  };

  const handleOrEnd: HandleRecord = (record) => {
    try {
      handle(record);
    } catch (error) {
      // Thrown here, KafkaJS would fetch the record again, for ever; outside, the process ends with it.
      nextTick(() => {
        throw error;
      });
      throw error;
    }
  };

  /** Reads as a member of `group` for as long as `active` says so; goes on where the last reader stood. */
  const createReader = ({ group, active, onJoin }: { group: string; active: () => boolean; onJoin: () => void }) => {
    const eachBatch = ({ ended }: Life) => async ({ batch, heartbeat, resolveOffset, isRunning, isStale }: EachBatchPayload): Promise<void> => {
      const { topic, partition, messages } = batch;
      const cursor = cursors.of(topic, partition);
      for (let from = 0; from < messages.length; from += CHUNK_RECORDS) {
        if (ended.aborted || !active() || !isRunning() || isStale()) return;
        const chunk = messages.slice(from, from + CHUNK_RECORDS);
        for (const message of chunk) handleOrEnd({ topic, partition, message });
        handled += chunk.length;
        const isLast = from + CHUNK_RECORDS >= messages.length;
        advance(cursor, BigInt(isLast ? batch.lastOffset() : chunk.at(-1)!.offset) + 1n);
        resolveOffset((cursor.next - 1n).toString());
        if (!isLast) {
          reader.sign();
          await heartbeat();
          await setImmediate();
        }
      }
      if (caughtUp()) await setTimeout(messages.length >= REST.busyRecords ? REST.busyMs : REST.shortMs);
    };

    const begin = async (life: Life): Promise<void> => {
      const { consumer, ended, on } = life;
      await consumer.connect();
      ended.throwIfAborted();
      await consumer.subscribe({ topics, fromBeginning: true });
      ended.throwIfAborted();
      // Emitted before the first fetch of the new generation, so the seeks are in place when it begins.
      on(consumer.events.GROUP_JOIN, ({ payload }) => {
        if (!active()) return;
        onJoin();
        resumeOthers = () => consumer.resume(others);
        if (firstIsBehind()) consumer.pause(others);
        for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
          for (const partition of partitions) consumer.seek({ topic, partition, offset: cursors.of(topic, partition).next.toString() });
        }
      });
      // A batch with nothing to hand over, such as the marks of transactions, is told by this event alone.
      on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
        if (batchSize === 0 && active()) advance(cursors.of(topic, partition), BigInt(lastOffset) + 1n);
      });
      // All partitions of a fetch side by side: handling is synchronous, what overlaps is the rest.
      await consumer.run({
        autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: MAX_PARTITIONS, eachBatch: eachBatch(life),
      });
    };

    const reader = superviseConsumer({
      create: () => kafka.consumer({
        groupId: group,
        partitionAssigners: [everyPartitionToEveryMember],
        allowAutoTopicCreation: false,
        sessionTimeout: 6_000,
        rebalanceTimeout: 10_000,
        heartbeatInterval: 1_000,
        maxWaitTimeInMs: 500,
        metadataMaxAge: METADATA_MAX_AGE_MS,
        retry: { retries: 3, restartOnFailure: async () => false },
      }),
      begin,
      onJoin: onJoined,
      onRestart,
      logger,
    });
    return reader;
  };

  let joined = false;
  const member = createReader({
    group: groupId,
    active: () => true,
    onJoin: () => {
      joined = true;
      void standIn.stop();
    },
  });
  /**
   * After a crash the group first waits for the session of the member that died. The state does not depend on the group, so meanwhile it
   * is read under a group of its own, which the broker forgets once it is empty.
   */
  const standIn = createReader({ group: `${groupId}.${randomUUID()}`, active: () => !joined, onJoin: () => undefined });

  const startReading = async (): Promise<void> => {
    await learnEnds();
    if (stopping) return;
    void watchRebuild();
    member.start();
    await setTimeout(STAND_IN_AFTER_MS, undefined, { ref: false });
    if (!joined && !stopping) standIn.start();
  };

  let committed = '';
  const commit = async (): Promise<void> => {
    const offsets = cursors.all().map(({ topic, partition, next }) => ({ topic, partition, offset: next.toString() }));
    const fingerprint = JSON.stringify(offsets);
    const consumer = member.member();
    if (consumer === undefined || fingerprint === committed) return;
    try {
      await consumer.commitOffsets(offsets);
      committed = fingerprint;
    } catch (error) {
      logger.debug('commit failed, the next one covers it', { error });
    }
  };

  const commitForever = async (): Promise<void> => {
    await commit();
    if (!stopping) commitTimer = global.setTimeout(() => void commitForever(), COMMIT_INTERVAL_MS);
  };

  return {
    start: (): void => {
      void startReading();
      void commitForever();
    },
    stop: async (): Promise<void> => {
      stopping = true;
      clearTimeout(commitTimer);
      await commit();
      await Promise.all([member.stop(), standIn.stop()]);
    },
    /** True from the moment every partition has been read to the end it had at the start. */
    caughtUp,
    /** What that took; 0 until then. */
    rebuildSeconds: (): number => rebuildSeconds,
    /** How far each partition was read. Never in the middle of a run of records: those that were handled are behind it. */
    positions: cursors.all,
    /** Joined, and in touch with the broker. */
    healthy: (): boolean => member.healthy() || (!joined && standIn.healthy()),
  };
};
