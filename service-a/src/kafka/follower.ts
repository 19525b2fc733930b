import { randomUUID } from 'node:crypto';
import { nextTick } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { SchemaNeededError } from './avro';
import { createCursors } from './cursors';
import { createLagCommits } from './lag-commits';
import { createMember } from './member';
import { createRebuild, type HandleAll } from './rebuild';

/**
 * What to do with a record. A record that means nothing is the handler's to count; one whose schema is not known yet it throws back as a
 * SchemaNeededError. Anything else that it throws is a defect, and ends the process.
 */
export type HandleRecord = (record: { topic: string; partition: number; message: KafkaMessage }) => void;

/** How long the group may keep a new member waiting before it reads without it. */
const STAND_IN_AFTER_MS = 500;

export type Follower = ReturnType<typeof createFollower>;

/** Reads the topics from their beginning, every partition of them, and goes on following them. What it commits is for lag tools to see. */
export const createFollower = ({ kafka, groupId, topics, handle, onJoin, onRestart, logger }: {
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

  const reading = {
    kafka,
    topics,
    cursors,
    rebuild,
    handleAll,
    onPulse: (latest: typeof pulse): void => {
      pulse = latest;
    },
    onJoin,
    onRestart,
    logger,
  };
  let joined = false;
  const member = createMember({
    ...reading,
    groupId,
    active: () => true,
    onAssigned: () => {
      joined = true;
      void standIn.stop();
    },
  });
  /**
   * After a crash the group first waits for the session of the member that died. The state does not depend on the group, so meanwhile it
   * is read under a group of its own, which the broker forgets once it is empty.
   */
  const standIn = createMember({ ...reading, groupId: `${groupId}.${randomUUID()}`, active: () => !joined, onAssigned: () => undefined });

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
