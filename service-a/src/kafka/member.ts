import { setImmediate, setTimeout } from 'node:timers/promises';
import type { EachBatchPayload, Kafka } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { everyPartitionToEveryMember } from './assigner';
import type { Cursors } from './cursors';
import type { HandleAll, Rebuild } from './rebuild';
import { consumerSettings, superviseConsumer, type Life } from './supervise';
import { untilKnown } from './until-known';

const MAX_PARTITIONS = 64;
/** So many records are handled before other work of the process gets its turn. */
const CHUNK_RECORDS = 1_000;
/**
 * The rest before the next fetch. A batch of at least `busyRecords` means load: then a longer one fills the next batch. The short one is
 * for what comes back at once, this service's own order: its outcome, a moment later, comes with the next fetch, and no fetch is answered
 * at the moment when the broker acknowledges the next order.
 */
const REST = { busyRecords: 8, busyMs: 30, shortMs: 5 };

/** Reads every partition as a member of a group, for as long as `active` says so, and goes on where the last reader stood. */
export const createMember = ({
  kafka, groupId, topics, cursors, rebuild, handleAll, active, onAssigned, onPulse, onJoin, onRestart, logger,
}: {
  kafka: Kafka;
  groupId: string;
  topics: string[];
  cursors: Cursors;
  rebuild: Pick<Rebuild, 'done' | 'add' | 'clear' | 'pass'>;
  handleAll: HandleAll;
  active: () => boolean;
  /** It has its partitions, and fetches none of them yet. */
  onAssigned: () => void;
  /** Takes what tells the broker of life, while a batch is read. */
  onPulse: (pulse: () => Promise<void>) => void;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  const eachBatch = ({ ended }: Life) => async (payload: EachBatchPayload): Promise<void> => {
    const { batch, heartbeat, pause, resolveOffset, isRunning, isStale } = payload;
    const { topic, partition, messages } = batch;
    const cursor = cursors.of(topic, partition);
    const end = BigInt(batch.lastOffset()) + 1n;
    const isOver = (): boolean => ended.aborted || !active() || !isRunning() || isStale();
    const pulse = async (): Promise<void> => {
      supervised.sign();
      await heartbeat();
    };
    onPulse(pulse);
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
      onAssigned();
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

  const supervised = superviseConsumer({
    create: () => kafka.consumer({
      groupId,
      partitionAssigners: [everyPartitionToEveryMember],
      ...consumerSettings,
    }),
    begin,
    onJoin,
    onRestart,
    logger,
  });
  return supervised;
};
