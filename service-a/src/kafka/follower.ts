import { randomUUID } from 'node:crypto';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage, PartitionAssigner } from 'kafkajs';
import { AssignerProtocol } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { superviseConsumer } from './supervise';
import { createTimeOrder } from './time-order';

/** What to do with a record. Must not throw: a record that means nothing is the handler's to count. */
export type HandleRecord = (record: { topic: string; partition: number; message: KafkaMessage }) => void;

const COMMIT_INTERVAL_MS = 1_000;
const MAX_PARTITIONS = 64;
/** How long the group may keep a new member waiting before it reads without it. */
const STAND_IN_AFTER_MS = 500;
const PROGRESS_INTERVAL_MS = 2_000;
/** While the state is rebuilt: batches that are read ahead and wait for their turn, of all partitions and of one at least. */
const AHEAD_BATCHES = 36;
/** So many records are handled before other work of the process gets its turn. */
const CHUNK_RECORDS = 1_000;
/**
 * The rest before the next fetch. A batch of at least `busyRecords` means load: then a longer one fills the next batch. The short one is
 * for what comes back at once, this service's own order: its outcome, a moment later, comes with the next fetch, and no fetch is answered
 * at the moment when the broker acknowledges the next order.
 */
const REST = { busyRecords: 8, busyMs: 30, shortMs: 5 };

/**
 * Gives every partition to every member: each instance of the service holds the whole state, so each reads the whole log. The group
 * exists for what it shows (members, lag), not to divide the work.
 */
const everyPartitionToEveryMember: PartitionAssigner = ({ cluster }) => ({
  name: 'EveryPartitionToEveryMember',
  version: 0,
  assign: async ({ members, topics }) => {
    const assignment = Object.fromEntries(topics.map((topic) =>
      [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]));
    return members.map(({ memberId }) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) }),
    }));
  },
  protocol: ({ topics }) => ({
    name: 'EveryPartitionToEveryMember',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
});

type Cursor = {
  topic: string;
  partition: number;
  /** First offset of the log when reading began. */
  start: bigint;
  /** Next offset to handle. */
  next: bigint;
  /** End offset seen at the start. */
  end: bigint;
};

export type Follower = ReturnType<typeof createFollower>;

/**
 * Reads the topics from their beginning, every partition of them, and goes on following them. Where it stands is its own knowledge
 * (the state lives in this process), so after a rebalance or a reconnect it goes on there; what it commits is for lag tools to see.
 */
export const createFollower = ({ kafka, groupId, topics, handle, onJoin: onJoined, onRestart, logger }: {
  kafka: Kafka;
  groupId: string;
  /** Of records of one time those of the first topic come first: what the others say is about what it says. */
  topics: string[];
  handle: HandleRecord;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  const cursors = new Map<string, Cursor>();
  let stopping = false;
  let behind: Set<Cursor> | undefined;
  const timeOrder = createTimeOrder<Cursor>();
  /** Of the partitions that are paused because enough of them waits. */
  const resumes = new Map<Cursor, () => void>();
  let rebuilt = false;
  let takingTurns = false;
  /** Tells of life, by the reader that read last. */
  let pulse: () => Promise<void> = async () => undefined;
  let commitTimer: NodeJS.Timeout | undefined;
  let handled = 0;
  let progressAt = 0;
  const startedAt = Date.now();
  let rebuildSeconds = 0;
  const seconds = (): number => (Date.now() - startedAt) / 1_000;

  const cursorOf = (topic: string, partition: number): Cursor => {
    const id = `${topic}/${partition}`;
    let cursor = cursors.get(id);
    if (cursor === undefined) cursors.set(id, cursor = { topic, partition, start: 0n, next: 0n, end: 0n });
    return cursor;
  };

  const readEnds = async (admin: Admin): Promise<void> => {
    await admin.connect();
    for (const topic of topics) {
      // By number, so that every instance has the partitions in the same order.
      const partitions = (await admin.fetchTopicOffsets(topic)).sort((one, other) => one.partition - other.partition);
      for (const { partition, low, high } of partitions) {
        Object.assign(cursorOf(topic, partition), { start: BigInt(low), next: BigInt(low), end: BigInt(high) });
      }
    }
  };

  /** Asks the broker where the log begins and ends now, for as long as it takes to get an answer. */
  const learnEnds = async (): Promise<void> => {
    while (behind === undefined && !stopping) {
      const admin = kafka.admin();
      try {
        await readEnds(admin);
        behind = new Set([...cursors.values()].filter(({ next, end }) => next < end));
        const records = [...behind].reduce((sum, { next, end }) => sum + Number(end - next), 0);
        logger.info('rebuilding state from the log', { records, partitions: behind.size });
        rebuilt = behind.size === 0;
        noteCaughtUp();
      } catch (error) {
        logger.warn('cannot read the ends of the topics, trying again', { error });
        await setTimeout(1_000, undefined, { ref: false });
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
    }
  };

  const noteCaughtUp = (): void => {
    if (behind?.size !== 0) return;
    rebuildSeconds = seconds();
    logger.info('state is rebuilt', { records: handled, seconds: rebuildSeconds });
  };

  const noteProgress = (): void => {
    if (behind === undefined || behind.size === 0 || Date.now() < progressAt + PROGRESS_INTERVAL_MS) return;
    progressAt = Date.now();
    logger.info('rebuilding state', { records: handled, partitionsBehind: behind.size, seconds: seconds() });
  };

  const advance = (cursor: Cursor, next: bigint): void => {
    cursor.next = next;
    if (behind === undefined || behind.size === 0 || next < cursor.end || !behind.delete(cursor)) return;
    noteCaughtUp();
  };

  const handleAll = ({ topic, partition }: Cursor, messages: KafkaMessage[]): void => {
    for (const message of messages) handle({ topic, partition, message });
    handled += messages.length;
    noteProgress();
  };

  const isAhead = (cursor: Cursor): boolean => timeOrder.waiting(cursor) * cursors.size >= AHEAD_BATCHES;

  const resumeIfFew = (cursor: Cursor): void => {
    if (isAhead(cursor)) return;
    resumes.get(cursor)?.();
    resumes.delete(cursor);
  };

  /**
   * Handles what waits, as far as it is known to be next. While the state is rebuilt, records are handled in the order of their times: so
   * it passes through the states that it had when they were new, and holds what a service that never stopped holds.
   */
  const takeTurns = async (): Promise<void> => {
    if (takingTurns || rebuilt) return;
    takingTurns = true;
    try {
      let sinceRest = 0;
      for (let run = timeOrder.take(behind!, CHUNK_RECORDS); run !== undefined; run = timeOrder.take(behind!, CHUNK_RECORDS)) {
        handleAll(run.partition, run.messages);
        advance(run.partition, run.next);
        resumeIfFew(run.partition);
        sinceRest += run.messages.length;
        if (sinceRest < CHUNK_RECORDS) continue;
        sinceRest = 0;
        // KafkaJS asks again after the batch, and heeds the answer then.
        await pulse().catch(() => undefined);
        await setImmediate();
      }
      rebuilt = behind?.size === 0;
    } finally {
      takingTurns = false;
    }
  };

  /** Reads as a member of `group` for as long as `active` says so; goes on where the last reader stood. */
  const createReader = ({ group, active, onJoin }: { group: string; active: () => boolean; onJoin: () => void }) => {
    const eachBatch = async ({ batch, heartbeat, isRunning, isStale, pause }: EachBatchPayload): Promise<void> => {
      const { topic, partition, messages } = batch;
      const cursor = cursorOf(topic, partition);
      const end = BigInt(batch.lastOffset()) + 1n;
      pulse = async () => {
        reader.sign();
        await heartbeat();
      };
      if (!rebuilt && active() && !isStale()) {
        timeOrder.add(cursor, messages, end);
        if (isAhead(cursor)) resumes.set(cursor, pause());
        return takeTurns();
      }
      for (let from = 0; from < messages.length; from += CHUNK_RECORDS) {
        if (!active() || !isRunning() || isStale()) return;
        const chunk = messages.slice(from, from + CHUNK_RECORDS);
        handleAll(cursor, chunk);
        const isLast = from + CHUNK_RECORDS >= messages.length;
        advance(cursor, isLast ? end : BigInt(chunk.at(-1)!.offset) + 1n);
        if (!isLast) {
          await pulse();
          await setImmediate();
        }
      }
      await setTimeout(messages.length >= REST.busyRecords ? REST.busyMs : REST.shortMs);
    };

    const begin = async (consumer: Consumer, signal: AbortSignal): Promise<void> => {
      await consumer.connect();
      signal.throwIfAborted();
      await consumer.subscribe({ topics, fromBeginning: true });
      signal.throwIfAborted();
      // Emitted before the first fetch of the new generation, so the seeks are in place when it begins.
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        if (!active()) return;
        onJoin();
        // What waits is read again from where the cursors stand.
        timeOrder.clear();
        resumes.forEach((resume) => resume());
        resumes.clear();
        for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
          for (const partition of partitions) consumer.seek({ topic, partition, offset: cursorOf(topic, partition).next.toString() });
        }
      });
      // All partitions of a fetch side by side: handling is synchronous, what overlaps is the rest.
      await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: MAX_PARTITIONS, eachBatch });
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
    member.start();
    await setTimeout(STAND_IN_AFTER_MS, undefined, { ref: false });
    if (!joined && !stopping) standIn.start();
  };

  let committed = '';
  const commit = async (): Promise<void> => {
    const offsets = [...cursors.values()].map(({ topic, partition, next }) => ({ topic, partition, offset: next.toString() }));
    const fingerprint = JSON.stringify(offsets);
    const consumer = member.current();
    if (!member.healthy() || consumer === undefined || fingerprint === committed) return;
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
    caughtUp: (): boolean => behind?.size === 0,
    /** What that took; 0 until then. */
    rebuildSeconds: (): number => rebuildSeconds,
    /** How far each partition was read. Never in the middle of a run of records: those that were handled are behind it. */
    positions: (): Readonly<Cursor>[] => [...cursors.values()],
    /** Joined, and in touch with the broker. */
    healthy: (): boolean => member.healthy() || (!joined && standIn.healthy()),
  };
};
