import { each, NO_THROTTLE, type Handlers, type Of } from './asked';
import type { Clock } from './clock';
import { TOPICS, type Cluster } from './cluster';
import { hostOf, type Network } from './network';
import { CODE, type LogRecord, type NewRecord, type Partition } from './partition';

type Bytes = string | Buffer;
type Produced = { key: Bytes | null; value: Bytes | null; headers?: Record<string, Bytes | null | (Bytes | null)[]>; timestamp?: string };
type Fields = {
  Produce: { timeout: number; topicData: Of<{ messages: Produced[] }> };
  Fetch: { maxWaitTime: number; topics: Of<{ fetchOffset: string }> };
  ListOffsets: { topics: Of<{ timestamp: string | number }> };
  Metadata: { topics: string[] };
};

const EARLIEST = -2;

const bytes = (value: Bytes | null): Buffer | null => (value === null ? null : Buffer.from(value as string));
const asRecord = ({ key, value, headers = {}, timestamp }: Produced): NewRecord => ({
  key: bytes(key), value: bytes(value), ...(timestamp != null && { timestamp }),
  headers: Object.fromEntries(Object.entries(headers).map(([name, one]) =>
    [name, Array.isArray(one) ? one.map(bytes) : bytes(one)])),
});

/** What brokers answer about topics: a leader takes and gives the records of its partition, and each broker tells what it knows. */
export const createTopicsApi = ({ cluster, network, clock, fetchMax, trace }: {
  cluster: Cluster;
  network: Pick<Network, 'works'>;
  clock: Clock;
  /** Records of a partition that one fetch is answered with, at most. */
  fetchMax: number;
  trace: (what: string) => void;
}): Handlers<Fields> => {
  const led = (nodeId: number, topic: string, id: number): Partition | undefined => {
    const partition = cluster.partitionOf(topic, id);
    return partition?.leader() === nodeId ? partition : undefined;
  };

  const read = (partition: Partition, from: number): LogRecord[] =>
    partition.records.slice(from, Math.min(partition.highWatermark(), from + fetchMax));

  /** What a fetch finds now, and whether that is worth an answer. */
  const fetched = (nodeId: number, { topics }: Fields['Fetch']) => {
    let found = false;
    const responses = each(topics, (topic, { partition: id, fetchOffset }) => {
      const partition = led(nodeId, topic, id);
      const from = Number(fetchOffset);
      let errorCode: number = CODE.NONE;
      if (partition === undefined) errorCode = CODE.NOT_LEADER_FOR_PARTITION;
      else if (from > partition.records.length) errorCode = CODE.OFFSET_OUT_OF_RANGE;
      const messages = errorCode === CODE.NONE ? read(partition!, from) : [];
      found ||= errorCode !== CODE.NONE || messages.length > 0;
      const highWatermark = String(partition?.highWatermark() ?? -1);
      const abortedTransactions = messages.filter(({ aborted }) => aborted)
        .map(({ offset, batchContext: { producerId } }) => ({ producerId, firstOffset: offset }));
      return {
        errorCode, highWatermark, lastStableOffset: highWatermark, lastStartOffset: '0', abortedTransactions, preferredReadReplica: -1, messages,
      };
    });
    return { found, answer: { ...NO_THROTTLE, errorCode: CODE.NONE, sessionId: 0, responses } };
  };

  return {
    Produce: (nodeId, { timeout, topicData }, answer) => {
      let open = 1;
      const done = (): void => {
        open -= 1;
        if (open > 0) return;
        const told = topics.flatMap(({ topicName, partitions }) => partitions.map(({ partition, errorCode, baseOffset }) =>
          `${topicName}/${partition} ${errorCode === CODE.NONE ? `at ${baseOffset}` : `error ${errorCode}`}`));
        trace(`broker ${nodeId} answers Produce: ${told.join(', ')}`);
        answer({ topics, ...NO_THROTTLE });
      };
      const produce = (topic: string, id: number, messages: Produced[]) => {
        const result = { partition: id, errorCode: CODE.NOT_LEADER_FOR_PARTITION as number, baseOffset: '-1', logAppendTime: '-1' };
        const partition = led(nodeId, topic, id);
        if (partition === undefined) return result;
        open += 1;
        partition.append(messages.map(asRecord), timeout, (errorCode, base) => {
          Object.assign(result, { errorCode, ...(errorCode === CODE.NONE && { baseOffset: String(base) }) });
          done();
        });
        return result;
      };
      const topics = topicData.map(({ topic, partitions }) =>
        ({ topicName: topic, partitions: partitions.map(({ partition, messages }) => produce(topic, partition, messages)) }));
      done();
    },
    Fetch: (nodeId, fields, answer) => {
      const first = fetched(nodeId, fields);
      if (first.found) {
        answer(first.answer);
        return;
      }
      let over = false;
      const finish = (): void => {
        if (over) return;
        over = true;
        timer.cancel();
        for (const stop of stops) stop();
        answer(fetched(nodeId, fields).answer);
      };
      const timer = clock.after(fields.maxWaitTime, finish);
      const look = (): void => {
        if (network.works(nodeId) && fetched(nodeId, fields).found) finish();
      };
      const stops = fields.topics.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition }) => cluster.partitionOf(topic, partition)!.watch(look)));
    },
    ListOffsets: (nodeId, { topics }, answer) => answer({
      ...NO_THROTTLE,
      responses: each(topics, (topic, { partition: id, timestamp }) => {
        const partition = led(nodeId, topic, id);
        if (partition === undefined) return { errorCode: CODE.NOT_LEADER_FOR_PARTITION, timestamp: '-1', offset: '-1' };
        return { errorCode: CODE.NONE, timestamp: '-1', offset: Number(timestamp) === EARLIEST ? '0' : String(partition.highWatermark()) };
      }),
    }),
    Metadata: (nodeId, { topics }, answer) => {
      const { brokers, leaders } = cluster.view(nodeId);
      const partitionsOf = (topic: string) => cluster.partitionsOf(topic).map(({ id, replicas }) => {
        const { leader, isr } = leaders.get(`${topic}/${id}`)!;
        return {
          partitionErrorCode: brokers.includes(leader) ? CODE.NONE : CODE.LEADER_NOT_AVAILABLE,
          partitionId: id, leader, replicas, isr, offlineReplicas: replicas.filter((one) => !brokers.includes(one)),
        };
      });
      answer({
        ...NO_THROTTLE, clusterId: 'simulated', controllerId: brokers[0] ?? -1,
        brokers: brokers.map((id) => ({ nodeId: id, host: hostOf(id), port: 9092, rack: null })),
        topicMetadata: (topics.length > 0 ? topics : Object.values(TOPICS)).map((topic) =>
          ({ topicErrorCode: CODE.NONE, topic, isInternal: false, partitionMetadata: partitionsOf(topic) })),
      });
    },
  };
};
