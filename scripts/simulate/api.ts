import type { Random } from '../drill/random';
import type { Clock } from './clock';
import { COORDINATION, TOPICS, type Cluster } from './cluster';
import { createGroup, type Group } from './groups';
import { hostOf, type Network, type Serve } from './network';
import { CODE, type LogRecord, type NewRecord, type Partition } from './partition';
import { everyVersion } from './wire';

type Of<T> = { topic: string; partitions: T[] }[];
type Produced = { key: string | Buffer | null; value: string | Buffer | null; headers?: Record<string, string | Buffer | (string | Buffer)[]>; timestamp?: string };
/** What KafkaJS asks for, by API. */
type Fields = {
  Produce: { timeout: number; topicData: Of<{ partition: number; messages: Produced[] }> };
  Fetch: { maxWaitTime: number; topics: Of<{ partition: number; fetchOffset: string }> };
  ListOffsets: { topics: Of<{ partition: number; timestamp: string | number }> };
  Metadata: { topics: string[] };
  GroupCoordinator: { groupId: string };
  JoinGroup: { groupId: string } & Parameters<Group['join']>[0];
  SyncGroup: { groupId: string } & Parameters<Group['sync']>[0];
  Heartbeat: { groupId: string } & Parameters<Group['heartbeat']>[0];
  LeaveGroup: { groupId: string; memberId: string };
  OffsetFetch: { groupId: string; topics: Of<{ partition: number }> };
  OffsetCommit: { groupId: string; groupGenerationId: number; memberId: string; topics: Of<{ partition: number; offset: { toString: () => string } }> };
};
type Answer = (what: unknown) => void;
type Handlers = { [Api in keyof Fields]: (nodeId: number, fields: Fields[Api], answer: Answer) => void };

const bytes = (value: string | Buffer | null | undefined): Buffer | null => (value == null ? null : Buffer.from(value));
const asRecord = ({ key, value, headers = {}, timestamp }: Produced): NewRecord => ({
  key: bytes(key), value: bytes(value), ...(timestamp != null && { timestamp: String(timestamp) }),
  headers: Object.fromEntries(Object.entries(headers).map(([name, one]) =>
    [name, Array.isArray(one) ? one.map((each) => Buffer.from(each)) : bytes(one)])),
});

/** What the brokers answer, with Kafka's rules for who may answer what. */
export const createApi = ({ cluster, network, clock, random, fetchMax, trace, onCommit }: {
  cluster: Cluster;
  network: Pick<Network, 'works'>;
  clock: Clock;
  random: Random;
  /** Records of a partition that one fetch is answered with, at most. */
  fetchMax: number;
  trace: (what: string) => void;
  onCommit: (groupId: string, topic: string, partition: number, offset: string) => void;
}) => {
  const groups = new Map<string, Group>();
  /** Until when the coordinator of a group is still reading what it takes over. */
  const loading = new Map<Partition, number>();

  const groupOf = (groupId: string): Group => {
    let group = groups.get(groupId);
    if (group === undefined) groups.set(groupId, group = createGroup({ groupId, clock, random, trace }));
    return group;
  };

  const led = (nodeId: number, topic: string, id: number): Partition | undefined => {
    const partition = cluster.partitionOf(topic, id);
    return partition?.leader() === nodeId ? partition : undefined;
  };

  const each = <T extends { partition: number }>(topics: Of<T>, one: (topic: string, asked: T) => object) =>
    topics.map(({ topic, partitions }) => ({ topic, topicName: topic, partitions: partitions.map((asked) => ({ partition: asked.partition, ...one(topic, asked) })) }));

  /** The code with which a broker answers that does not coordinate the group, or not yet. */
  const notCoordinating = (nodeId: number, groupId: string): number => {
    const partition = cluster.coordination(groupId);
    if (partition.leader() !== nodeId) return CODE.NOT_COORDINATOR_FOR_GROUP;
    return (loading.get(partition) ?? 0) > clock.now() ? CODE.GROUP_LOAD_IN_PROGRESS : CODE.NONE;
  };

  const read = (partition: Partition, from: number): LogRecord[] => partition.records.slice(from, Math.min(partition.highWatermark(), from + fetchMax));

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
      return { errorCode, highWatermark, lastStableOffset: highWatermark, lastStartOffset: '0', abortedTransactions, preferredReadReplica: -1, messages };
    });
    return { found, answer: { throttleTime: 0, clientSideThrottleTime: 0, errorCode: 0, sessionId: 0, responses } };
  };

  const handlers: Handlers = {
    Produce: (nodeId, { timeout, topicData }, answer) => {
      let open = 1;
      const produce = (topic: string, id: number, messages: Produced[]) => {
        const result = { partition: id, errorCode: CODE.NOT_LEADER_FOR_PARTITION as number, baseOffset: '-1', logAppendTime: '-1', logStartOffset: '0' };
        const partition = led(nodeId, topic, id);
        if (partition === undefined) return result;
        open += 1;
        partition.append(messages.map(asRecord), timeout, (errorCode, base) => {
          Object.assign(result, { errorCode, ...(errorCode === CODE.NONE && { baseOffset: String(base) }) });
          done();
        });
        return result;
      };
      const done = (): void => {
        open -= 1;
        if (open > 0) return;
        const told = topics.flatMap(({ topicName, partitions }) =>
          partitions.map(({ partition, errorCode, baseOffset }) => `${topicName}/${partition} ${errorCode === CODE.NONE ? `at ${baseOffset}` : `error ${errorCode}`}`));
        trace(`broker ${nodeId} answers Produce: ${told.join(', ')}`);
        answer({ topics, throttleTime: 0, clientSideThrottleTime: 0 });
      };
      const topics = topicData.map(({ topic, partitions }) =>
        ({ topicName: topic, partitions: partitions.map(({ partition, messages }) => produce(topic, partition, messages)) }));
      done();
    },
    Fetch: (nodeId, fields, answer) => {
      const first = fetched(nodeId, fields);
      if (first.found) return void answer(first.answer);
      let over = false;
      const finish = (): void => {
        if (over) return;
        over = true;
        timer.cancel();
        for (const stop of stops) stop();
        answer(fetched(nodeId, fields).answer);
      };
      const check = (): void => {
        if (network.works(nodeId) && fetched(nodeId, fields).found) finish();
      };
      const timer = clock.after(fields.maxWaitTime, finish);
      const stops = fields.topics.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => cluster.partitionOf(topic, partition)!.watch(check)));
    },
    ListOffsets: (nodeId, { topics }, answer) => answer({
      throttleTime: 0, clientSideThrottleTime: 0,
      responses: each(topics, (topic, { partition: id, timestamp }) => {
        const partition = led(nodeId, topic, id);
        if (partition === undefined) return { errorCode: CODE.NOT_LEADER_FOR_PARTITION, timestamp: '-1', offset: '-1' };
        return { errorCode: CODE.NONE, timestamp: '-1', offset: String(Number(timestamp) === -2 ? 0 : partition.highWatermark()) };
      }),
    }),
    Metadata: (nodeId, { topics }, answer) => {
      const { brokers, leaders } = cluster.view(nodeId);
      answer({
        throttleTime: 0, clientSideThrottleTime: 0, clusterId: 'simulated', controllerId: brokers[0] ?? -1,
        brokers: brokers.map((id) => ({ nodeId: id, host: hostOf(id), port: 9092, rack: null })),
        topicMetadata: (topics.length > 0 ? topics : Object.values(TOPICS)).map((topic) => ({
          topicErrorCode: CODE.NONE, topic, isInternal: false,
          partitionMetadata: cluster.partitionsOf(topic).map(({ id, replicas }) => {
            const { leader, isr } = leaders.get(`${topic}/${id}`)!;
            return {
              partitionErrorCode: leader < 0 || !brokers.includes(leader) ? CODE.LEADER_NOT_AVAILABLE : CODE.NONE,
              partitionId: id, leader, replicas, isr, offlineReplicas: replicas.filter((one) => !brokers.includes(one)),
            };
          }),
        })),
      });
    },
    GroupCoordinator: (nodeId, { groupId }, answer) => {
      const { brokers, leaders } = cluster.view(nodeId);
      const { topic, id } = cluster.coordination(groupId);
      const { leader } = leaders.get(`${topic}/${id}`)!;
      const there = brokers.includes(leader);
      answer({
        throttleTime: 0, clientSideThrottleTime: 0, errorMessage: null, errorCode: there ? CODE.NONE : CODE.GROUP_COORDINATOR_NOT_AVAILABLE,
        coordinator: there ? { nodeId: leader, host: hostOf(leader), port: 9092 } : { nodeId: -1, host: '', port: -1 },
      });
    },
    JoinGroup: (nodeId, fields, answer) => {
      const errorCode = notCoordinating(nodeId, fields.groupId);
      const withThrottle = (joined: object): void => answer({ throttleTime: 0, clientSideThrottleTime: 0, ...joined });
      if (errorCode !== CODE.NONE) withThrottle({ errorCode, generationId: -1, groupProtocol: '', leaderId: '', memberId: fields.memberId, members: [] });
      else groupOf(fields.groupId).join(fields, withThrottle);
    },
    SyncGroup: (nodeId, fields, answer) => {
      const errorCode = notCoordinating(nodeId, fields.groupId);
      if (errorCode !== CODE.NONE) answer({ errorCode, memberAssignment: Buffer.alloc(0) });
      else groupOf(fields.groupId).sync(fields, answer);
    },
    Heartbeat: (nodeId, fields, answer) =>
      answer({ errorCode: notCoordinating(nodeId, fields.groupId) || groupOf(fields.groupId).heartbeat(fields) }),
    LeaveGroup: (nodeId, { groupId, memberId }, answer) => {
      const errorCode = notCoordinating(nodeId, groupId);
      const members = errorCode === CODE.NONE ? [{ memberId, groupInstanceId: null, errorCode: groupOf(groupId).leave(memberId) }] : [];
      answer({ throttleTime: 0, clientSideThrottleTime: 0, errorCode, members });
    },
    OffsetFetch: (nodeId, { groupId, topics }, answer) => {
      const errorCode = notCoordinating(nodeId, groupId);
      const { offsets } = groupOf(groupId);
      answer({
        throttleTime: 0, clientSideThrottleTime: 0, errorCode,
        responses: each(topics, (topic, { partition }) => ({ offset: offsets.get(`${topic}/${partition}`) ?? '-1', metadata: '', errorCode: CODE.NONE })),
      });
    },
    OffsetCommit: (nodeId, fields, answer) => {
      const { groupId, topics } = fields;
      const coordination = cluster.coordination(groupId);
      const group = groupOf(groupId);
      const reply = (errorCode: number): void => answer({ throttleTime: 0, clientSideThrottleTime: 0, responses: each(topics, () => ({ errorCode })) });
      const refused = notCoordinating(nodeId, groupId) || group.mayCommit(fields);
      if (refused !== CODE.NONE) return void reply(refused);
      coordination.append([{}], 5_000, (code) => {
        if (code !== CODE.NONE) return void reply(CODE.GROUP_COORDINATOR_NOT_AVAILABLE);
        for (const { topic, partitions } of topics) {
          for (const { partition, offset } of partitions) {
            group.offsets.set(`${topic}/${partition}`, offset.toString());
            onCommit(groupId, topic, partition, offset.toString());
          }
        }
        reply(CODE.NONE);
      });
    },
  };

  const serve: Serve = (nodeId, { api, fields }, answer) => {
    const [name = '', refusal] = api.split('!');
    if (name === 'ApiVersions') return void answer({ errorCode: 0, throttleTime: 0, clientSideThrottleTime: 0, apiVersions: everyVersion });
    if (refusal !== undefined) return void answer(refuse(name, fields, Number(refusal)));
    const handle = handlers[name as keyof Fields] as ((nodeId: number, fields: unknown, answer: Answer) => void) | undefined;
    if (handle === undefined) throw new Error(`the cluster in memory knows no ${name}`);
    handle(nodeId, fields, answer);
  };

  /** An answer that says no to all that was asked. */
  const refuse = (name: string, fields: unknown, errorCode: number): object => {
    const { topicData, topics } = fields as { topicData?: Of<{ partition: number }>; topics?: Of<{ partition: number }> };
    const all = (asked: Of<{ partition: number }> = []) => each(asked, () => ({ errorCode, messages: [], baseOffset: '-1', offset: '-1' }));
    if (name === 'Produce') return { topics: all(topicData), clientSideThrottleTime: 0 };
    if (['Fetch', 'ListOffsets', 'OffsetFetch', 'OffsetCommit'].includes(name)) return { errorCode: 0, clientSideThrottleTime: 0, responses: all(topics) };
    return { errorCode, members: [], memberId: '', memberAssignment: Buffer.alloc(0), clientSideThrottleTime: 0 };
  };

  return {
    serve,
    committed: (groupId: string, topic: string, partition: number): string | undefined => groupOf(groupId).offsets.get(`${topic}/${partition}`),
    rebalance: (groupId: string): void => groupOf(groupId).rebalance(),
    /** The groups that this partition's leader coordinates have a new coordinator. */
    moved: (partition: Partition): void => {
      if (partition.topic !== COORDINATION) return;
      loading.set(partition, clock.now() + random.integer(random.next() < 0.3 ? 2_000 : 100));
      for (const [groupId, group] of groups) if (cluster.coordination(groupId) === partition) group.handOver();
    },
  };
};
