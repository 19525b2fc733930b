import type { Admin, Kafka } from 'kafkajs';
import { toEndOfLog } from './kafkajs-ends-patch';

/** What a partition of the log holds now: from offset `low` up to, and without, `high`. */
export type LogEnds = { readonly topic: string; readonly partition: number; readonly low: bigint; readonly high: bigint };

/** Names a partition. */
export const idOf = ({ topic, partition }: Pick<LogEnds, 'topic' | 'partition'>): string => `${topic}/${partition}`;

/** Asks where the topics begin and end now. @throws while the broker does not answer */
export const askEnds = async (kafka: Pick<Kafka, 'admin'>, topics: readonly string[]): Promise<LogEnds[]> => {
  const admin: Admin = kafka.admin();
  try {
    await admin.connect();
    const ends: LogEnds[] = [];
    for (const topic of topics) {
      for (const { partition, low, high } of await toEndOfLog(() => admin.fetchTopicOffsets(topic))) {
        ends.push({ topic, partition, low: BigInt(low), high: BigInt(high) });
      }
    }
    return ends;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
};
