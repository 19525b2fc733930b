import { setTimeout } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { toEndOfLog } from './kafkajs-ends-patch';

export type PartitionLag = { topic: string; partition: number; records: number };

const POLL_MS = 2_000;
/** What is older than this is not shown: no figure is better than a wrong one. */
const STALE_MS = 15_000;

/**
 * How far the group is behind the ends of the topics, as the broker knows both: it is told also while consumption stands still.
 */
export const createLagWatch = ({ kafka, groupId, topics, logger }: { kafka: Kafka; groupId: string; topics: string[]; logger: Logger }) => {
  let lags: PartitionLag[] = [];
  let readAt = -Infinity;
  let stopping = false;
  let admin: Admin | undefined;

  const lagOf = async (asked: Admin, topic: string): Promise<PartitionLag[]> => {
    const ends = await toEndOfLog(() => asked.fetchTopicOffsets(topic));
    const [group] = await asked.fetchOffsets({ groupId, topics: [topic] });
    const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return ends.map(({ partition, low, high }) => {
      // Nothing committed yet (-1), or cut by retention meanwhile: what is still there is ahead.
      const next = Math.max(committed.get(partition) ?? -1, Number(low));
      return { topic, partition, records: Math.max(0, Number(high) - next) };
    });
  };

  const poll = async (): Promise<void> => {
    try {
      if (admin === undefined) {
        const fresh = kafka.admin({ retry: { retries: 0 } });
        await fresh.connect();
        admin = fresh;
      }
      const read: PartitionLag[] = [];
      for (const topic of topics) read.push(...await lagOf(admin, topic));
      [lags, readAt] = [read, performance.now()];
    } catch (error) {
      logger.debug('cannot read the lag, trying again', { error });
      await admin?.disconnect().catch(() => undefined);
      admin = undefined;
    }
  };

  const pollForever = async (): Promise<void> => {
    while (!stopping) {
      await poll();
      await setTimeout(POLL_MS, undefined, { ref: false });
    }
  };

  return {
    start: (): void => void pollForever(),
    stop: async (): Promise<void> => {
      stopping = true;
      await admin?.disconnect();
    },
    /** By partition; empty while the broker does not answer. */
    lags: (): readonly PartitionLag[] => (performance.now() - readAt < STALE_MS ? lags : []),
  };
};
