import { randomUUID } from 'node:crypto';
import { nextTick } from 'node:process';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { everyPartitionToEveryMember } from './assigner';
import { SchemaNeededError } from './avro';
import { createCursors } from './cursors';
import { askForEndsOfLog } from './kafkajs-ends-patch';
import { createLagCommits } from './lag-commits';
import { createRebuild, type HandleAll } from './rebuild';
import { consumerSettings, superviseConsumer, type Life } from './supervise';
import { untilKnown } from './until-known';

/**
 * What to do with a record. A record that means nothing is the handler's to count; one whose schema is not known yet it throws back as a
 * SchemaNeededError. Anything else that it throws is a defect, and ends the process.
 */
export type HandleRecord = (record: { topic: string; partition: number; message: KafkaMessage }) => void;

const MAX_PARTITIONS = 64;
/** How long the group may keep a new member waiting before it reads without it. */
const STAND_IN_AFTER_MS = 500;
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
  /** Of records of one time those of the first topic come first: what the others say is about what it says. */
  topics: string[];
  handle: HandleRecord;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  askForEndsOfLog();
  const cursors = createCursors(topics);
  let stopping = false;
  /** Tells of life, by the reader that read last. */
  let pulse: () => Promise<void> = async () => undefined;

  const handleAll: HandleAll = ({ topic, partition }, messages) => {
    let count = 0;
    try {
      for (const message of messages) {
        handle({ topic, partition, message });
        count += 1;
      }
      return { count };
    } catch (error) {
      if (error instanceof SchemaNeededError) return { count, needs: error };
      // Thrown here, KafkaJS would fetch the record again, for ever; outside, the process ends with it.
      nextTick(() => {
        throw error;
      });
      throw error;
    }
  };

  const rebuild = createRebuild({ kafka, cursors, handleAll, pulse: () => pulse(), logger });

  /** Reads as a member of `group` for as long as `active` says so; goes on where the last reader stood. */
  const createReader = ({ group, active, onJoin }: { group: string; active: () => boolean; onJoin: () => void }) => {
    const eachBatch = ({ ended }: Life) => async (payload: EachBatchPayload): Promise<void> => {
      const { batch, heartbeat, pause, resolveOffset, isRunning, isStale } = payload;
      const { topic, partition, messages } = batch;
      const cursor = cursors.of(topic, partition);
      const end = BigInt(batch.lastOffset()) + 1n;
      const isOver = (): boolean => ended.aborted || !active() || !isRunning() || isStale();
      pulse = async () => {
        reader.sign();
        await heartbeat();
      };
      if (isOver()) return;
      if (!rebuild.done()) {
        resolveOffset((end - 1n).toString());
        return rebuild.add({ cursor, messages, end, pause });
      }
      for (let from = 0; from < messages.length && !isOver();) {
        const { count, needs } = handleAll(cursor, messages.slice(from, from + CHUNK_RECORDS));
        from += count;
        cursor.next = from === messages.length ? end : BigInt(messages[from]!.offset);
        resolveOffset((cursor.next - 1n).toString());
        if (needs !== undefined) {
          await untilKnown(needs, messages.slice(from), isOver, pulse);
        } else if (from < messages.length) {
          await pulse();
          await setImmediate();
        }
      }
      await setTimeout(messages.length >= REST.busyRecords ? REST.busyMs : REST.shortMs);
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
        rebuild.clear();
        for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
          for (const partition of partitions) consumer.seek({ topic, partition, offset: cursors.of(topic, partition).next.toString() });
        }
      });
      // A batch with nothing to hand over, such as the marks of transactions, is told by this event alone.
      on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
        if (batchSize !== 0 || !active()) return;
        void rebuild.pass(cursors.of(topic, partition), BigInt(lastOffset) + 1n);
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
        ...consumerSettings,
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
    await rebuild.start();
    if (stopping) return;
    member.start();
    await setTimeout(STAND_IN_AFTER_MS, undefined, { ref: false });
    if (!joined && !stopping) standIn.start();
  };

  const commits = createLagCommits({ member: member.member, positions: cursors.all, logger });

  return {
    start: (): void => {
      void startReading();
      commits.start();
    },
    stop: async (): Promise<void> => {
      stopping = true;
      rebuild.stop();
      await commits.stop();
      await Promise.all([member.stop(), standIn.stop()]);
    },
    /** True from the moment every partition has been read to the end it had at the start. */
    caughtUp: rebuild.caughtUp,
    /** What that took; 0 until then. */
    rebuildSeconds: rebuild.seconds,
    /** How far each partition was read. Never in the middle of a run of records: those that were handled are behind it. */
    positions: cursors.all,
    /** Joined, and in touch with the broker. */
    healthy: (): boolean => member.healthy() || (!joined && standIn.healthy()),
  };
};
