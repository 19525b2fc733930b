import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';

/** Offsets `from` up to, and without, `to`. */
export type Range = { topic: string; partition: number; from: bigint; to: bigint };
export type LogRecord = { topic: string; partition: number; message: KafkaMessage };

/**
 * Called for each record, partition by partition in the order of offsets. One that takes its time calls `beat` every second or so:
 * it keeps the reader's place with the broker.
 */
export type HandleRecord = (record: LogRecord, beat: () => Promise<void>) => Promise<void> | void;

const ANSWER_MS = 10_000;
const IDLE_MS = 15_000;
const CLOSE_MS = 3_000;
/** Clocks of producers differ: a record that was written later than another one may be stamped this much earlier. */
export const CLOCK_MARGIN_MS = 3_600_000;

/** The broker kept silent. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswerError(`no answer within ${ms / 1_000} s`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

type Cursor = Range & { next: bigint };

export type LogReader = ReturnType<typeof createLogReader>;

/**
 * Reads stretches of topics once. KafkaJS reads only as a member of a group: this one is made for the purpose, commits nothing
 * and is deleted by `close`.
 */
export const createLogReader = ({ kafka, brokers, groupId, pace }: {
  kafka: Kafka;
  brokers: string[];
  groupId: string;
  /** Beside other work of the process: so much of a partition in one go, and so long a rest behind it. Without it as fast as it can. */
  pace?: { pieceBytes: number; restMs: number };
}) => {
  const ownGroup = `${groupId}.dlt.${randomUUID()}`;
  let used = false;

  const withAdmin = async <T>(what: string, use: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = kafka.admin();
    try {
      return await within(ANSWER_MS, admin.connect().then(() => use(admin)));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Kafka at ${brokers.join(', ')}: cannot ${what}: ${reason}`, { cause });
    } finally {
      void admin.disconnect().catch(() => undefined);
    }
  };

  /**
   * What a topic holds now, by partition.
   * @param since milliseconds since 1970; leaves out what the broker can tell to be surely older
   */
  const rangesOf = (topic: string, since = -Infinity): Promise<Range[]> => withAdmin(`read the ends of ${topic}`, async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    const from = since - CLOCK_MARGIN_MS;
    const starts = from > 0 ? await admin.fetchTopicOffsetsByTimestamp(topic, from) : [];
    return ends.map(({ partition, low, high }) => {
      const start = starts.find((one) => one.partition === partition)?.offset ?? low;
      return { topic, partition, from: BigInt(start), to: BigInt(high) };
    });
  });

  /**
   * What service-b would read of a topic if it were started anew now, by partition: from where its group has committed to the end. A commit
   * outside the log is as good as none: then it begins at the beginning.
   */
  const uncommittedOf = (topic: string): Promise<Range[]> => withAdmin(`read what ${groupId} has committed of ${topic}`, async (admin) => {
    // The commits first: as the end only grows, one that lies behind it then is of a log that is gone.
    const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const ends = await admin.fetchTopicOffsets(topic);
    const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return ends.map(({ partition, low, high }) => {
      const [first, end, next = -1n] = [BigInt(low), BigInt(high), committed.get(partition)];
      return { topic, partition, from: first <= next && next <= end ? next : first, to: end };
    });
  });

  const run = (consumer: Consumer, cursors: Cursor[], handle: HandleRecord, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      let over = false;
      let heardAt = Date.now();
      let handling = false;

      const end = (settle: () => void): void => {
        over = true;
        clearInterval(idleCheck);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const fail = (error: unknown): void => end(() => reject(error instanceof Error ? error : new Error(String(error))));
      const onAbort = (): void => {
        over = true;
        // A record under way is finished first.
        if (!handling) fail(signal.reason);
      };
      const idleCheck = setInterval(() => {
        if (handling || Date.now() - heardAt < IDLE_MS) return;
        const missing = cursors.filter(({ next, to }) => next < to)
          .map(({ topic, partition, next, to }) => `${topic} ${partition}: ${next} of ${to}`);
        fail(new Error(`Kafka at ${brokers.join(', ')} sent nothing for ${IDLE_MS / 1_000} s; read so far: ${missing.join(', ')}`));
      }, 500);
      signal.addEventListener('abort', onAbort);

      const cursorOf = (topic: string, partition: number): Cursor | undefined =>
        cursors.find((cursor) => cursor.topic === topic && cursor.partition === partition);
      const pause = ({ topic, partition }: Cursor): void => consumer.pause([{ topic, partitions: [partition] }]);

      const eachBatch = async ({ batch, heartbeat }: EachBatchPayload): Promise<void> => {
        const { topic, partition, messages } = batch;
        const cursor = cursorOf(topic, partition);
        // If this fails, so does the next one, outside of the handler.
        const beat = (): Promise<void> => heartbeat().catch(() => undefined);
        handling = true;
        try {
          for (const message of messages) {
            const offset = BigInt(message.offset);
            if (over || cursor === undefined || offset >= cursor.to) break;
            if (offset < cursor.next) continue;
            const busy = handle({ topic, partition, message }, beat);
            if (busy !== undefined) await busy;
            cursor.next = offset + 1n;
          }
        } catch (error) {
          // Thrown on, it would make KafkaJS fetch and hand over the batch again.
          fail(error);
        } finally {
          handling = false;
          heardAt = Date.now();
        }
        if (signal.aborted) fail(signal.reason);
        else if (pace !== undefined) await sleep(pace.restMs);
      };

      // Also emitted for batches that hold nothing to handle, such as the marks of transactions, and then without eachBatch.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) => {
        const cursor = cursorOf(topic, partition);
        if (over || cursor === undefined) return;
        heardAt = Date.now();
        cursor.next = BigInt(lastOffset) + 1n;
        if (cursor.next >= cursor.to) pause(cursor);
        if (cursors.every(({ next, to }) => next >= to)) end(resolve);
      });
      // Emitted before the first fetch, so the seeks are in place when it begins; also when the place with the broker was lost.
      consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
        heardAt = Date.now();
        for (const [topic, partitions] of Object.entries(memberAssignment)) {
          for (const partition of partitions) {
            const cursor = cursorOf(topic, partition);
            if (cursor !== undefined && cursor.next < cursor.to) consumer.seek({ topic, partition, offset: cursor.next.toString() });
            else consumer.pause([{ topic, partitions: [partition] }]);
          }
        }
      });
      consumer.on(consumer.events.CRASH, ({ payload: { error } }) => fail(error));

      const begin = async (): Promise<void> => {
        await consumer.connect();
        await consumer.subscribe({ topics: [...new Set(cursors.map(({ topic }) => topic))], fromBeginning: true });
        await consumer.run({ autoCommit: false, eachBatch });
      };
      begin().catch(fail);
    });

  /**
   * Reads every record of the ranges that still exists.
   * @throws the reason of `signal`, once a record under way is finished; what `handle` throws; or a sentence, when the broker falls silent
   */
  const read = async (ranges: Range[], handle: HandleRecord, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const cursors = ranges.filter(({ from, to }) => from < to).map((range) => ({ ...range, next: range.from }));
    if (cursors.length === 0) return;
    used = true;
    const consumer = kafka.consumer({
      groupId: ownGroup,
      allowAutoTopicCreation: false,
      sessionTimeout: 30_000,
      maxWaitTimeInMs: 250,
      ...(pace !== undefined && { maxBytesPerPartition: pace.pieceBytes }),
      retry: { retries: 3, restartOnFailure: async () => false },
    });
    try {
      await run(consumer, cursors, handle, signal);
    } finally {
      await within(CLOSE_MS, consumer.disconnect()).catch(() => undefined);
    }
  };

  return {
    rangesOf,
    uncommittedOf,
    read,
    /** Deletes the group; if that fails, the broker forgets it by itself after a while. */
    close: async (): Promise<void> => {
      if (used) await withAdmin('delete the group', (admin) => within(CLOSE_MS, admin.deleteGroups([ownGroup]))).catch(() => undefined);
    },
  };
};
