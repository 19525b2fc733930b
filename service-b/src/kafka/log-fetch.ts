import type { Admin, Kafka, KafkaMessage } from 'kafkajs';
import type Broker from 'kafkajs/src/broker';
import Batch from 'kafkajs/src/consumer/batch';
import { brokerAt } from './access';
import type { Range } from './log-reader';
import type { Security } from './security';

/** Records of one partition, and the offset behind them. */
type Piece = { messages: readonly KafkaMessage[]; next: bigint };

export type LogFetch = Pick<ReturnType<typeof createLogFetch>, 'ends' | 'startAt' | 'fetch'>;

const READ_COMMITTED = 1;

/**
 * Reads pieces of partitions from wherever they are asked for. A member of a group reads forwards, and takes a while to become one; this
 * asks the leaders themselves. Whatever fails, the next call looks for the leaders anew.
 */
export const createLogFetch = ({ kafka, clientId, security, topics }: {
  kafka: Pick<Kafka, 'admin'>;
  clientId: string;
  security: Security;
  /** All that is ever asked for. */
  topics: string[];
}) => {
  let admin: Promise<Admin> | undefined;
  let leaders: Promise<Map<string, string>> | undefined;
  const brokers = new Map<string, Broker>();

  const forget = async (): Promise<void> => {
    const [asked, known] = [admin, [...brokers.values()]];
    admin = leaders = undefined;
    brokers.clear();
    await Promise.all([
      asked?.then((one) => one.disconnect()).catch(() => undefined),
      ...known.map((broker) => broker.disconnect().catch(() => undefined)),
    ]);
  };

  const orForget = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await forget();
      throw error;
    }
  };

  const asking = (): Promise<Admin> => admin ??= (async () => {
    const fresh = kafka.admin({ retry: { retries: 0 } });
    await fresh.connect();
    return fresh;
  })();

  /** Addresses by topic and partition. */
  const findLeaders = async (): Promise<Map<string, string>> => {
    const asked = await asking();
    const { brokers: known } = await asked.describeCluster();
    const addresses = new Map(known.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    const metadata = await asked.fetchTopicMetadata({ topics });
    return new Map(metadata.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionId, leader }) => [`${name} ${partitionId}`, addresses.get(leader) ?? ''] as const)));
  };

  const leaderOf = async (topic: string, partition: number): Promise<Broker> => {
    const address = (await (leaders ??= findLeaders())).get(`${topic} ${partition}`) ?? '';
    if (address === '') throw new Error(`${topic} ${partition} has no leader`);
    let broker = brokers.get(address);
    if (broker === undefined) brokers.set(address, broker = brokerAt(address, clientId, security));
    if (!broker.isConnected()) await broker.connect();
    return broker;
  };

  return {
    /** What the topic holds now, by partition. */
    ends: (topic: string): Promise<Range[]> => orForget(async () => {
      const ends = await (await asking()).fetchTopicOffsets(topic);
      return ends.map(({ partition, low, high }) => ({ topic, partition, from: BigInt(low), to: BigInt(high) }));
    }),
    /** The first offset of each partition whose record is not older than `time`, or its end. */
    startAt: (topic: string, time: number): Promise<Map<number, bigint>> => orForget(async () => {
      const starts = await (await asking()).fetchTopicOffsetsByTimestamp(topic, time);
      return new Map(starts.map(({ partition, offset }) => [partition, BigInt(offset)]));
    }),
    /** The records from `from` on, without those from `to` on: some `maxBytes` of them, one at least. */
    fetch: ({ topic, partition, from, to }: Range, maxBytes: number): Promise<Piece> => orForget(async () => {
      const broker = await leaderOf(topic, partition);
      const fetchOffset = from.toString();
      const { responses } = await broker.fetch({
        maxWaitTime: 0, minBytes: 1, maxBytes, isolationLevel: READ_COMMITTED,
        topics: [{ topic, partitions: [{ partition, fetchOffset, maxBytes }] }],
      });
      const batch = new Batch(topic, fetchOffset, responses[0]!.partitions[0]!);
      const end = BigInt(batch.lastOffset()) + 1n;
      const messages = end <= to ? batch.messages : batch.messages.filter(({ offset }) => BigInt(offset) < to);
      return { messages, next: end > from && end < to ? end : to };
    }),
    close: forget,
  };
};
