import type { Random } from '../drill/random';
import { each, NO_THROTTLE, type Handlers, type Of } from './asked';
import type { Clock } from './clock';
import { COORDINATION, type Cluster } from './cluster';
import { createGroup, type Group } from './groups';
import { hostOf } from './network';
import { CODE, type Partition } from './partition';

type Within<T> = T & { groupId: string };
type Fields = {
  GroupCoordinator: { groupId: string };
  JoinGroup: Within<Parameters<Group['join']>[0]>;
  SyncGroup: Within<Parameters<Group['sync']>[0]>;
  Heartbeat: Within<Parameters<Group['heartbeat']>[0]>;
  LeaveGroup: Within<{ memberId: string }>;
  OffsetFetch: Within<{ topics: Of<object> }>;
  OffsetCommit: Within<{ groupGenerationId: number; memberId: string; topics: Of<{ offset: { toString: () => string } }> }>;
};

/** How long a commit may take to reach the replicas. */
const COMMIT_TIMEOUT_MS = 5_000;

/** What brokers answer about groups: the leader of a partition of `__consumer_offsets` coordinates the groups that are kept there. */
export const createGroupsApi = ({ cluster, clock, random, trace, onCommit }: {
  cluster: Cluster;
  clock: Clock;
  random: Random;
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

  /** The code with which a broker answers that does not coordinate the group, or not yet. */
  const notCoordinating = (nodeId: number, groupId: string): number => {
    const partition = cluster.coordination(groupId);
    if (partition.leader() !== nodeId) return CODE.NOT_COORDINATOR_FOR_GROUP;
    return (loading.get(partition) ?? 0) > clock.now() ? CODE.GROUP_LOAD_IN_PROGRESS : CODE.NONE;
  };

  const handlers: Handlers<Fields> = {
    GroupCoordinator: (nodeId, { groupId }, answer) => {
      const { brokers, leaders } = cluster.view(nodeId);
      const { topic, id } = cluster.coordination(groupId);
      const { leader } = leaders.get(`${topic}/${id}`)!;
      const there = brokers.includes(leader);
      answer({
        ...NO_THROTTLE, errorMessage: null, errorCode: there ? CODE.NONE : CODE.GROUP_COORDINATOR_NOT_AVAILABLE,
        coordinator: there ? { nodeId: leader, host: hostOf(leader), port: 9092 } : { nodeId: -1, host: '', port: -1 },
      });
    },
    JoinGroup: (nodeId, fields, answer) => {
      const errorCode = notCoordinating(nodeId, fields.groupId);
      if (errorCode === CODE.NONE) groupOf(fields.groupId).join(fields, (joined) => answer({ ...NO_THROTTLE, ...joined }));
      else answer({ ...NO_THROTTLE, errorCode, generationId: -1, groupProtocol: '', leaderId: '', memberId: fields.memberId, members: [] });
    },
    SyncGroup: (nodeId, fields, answer) => {
      const errorCode = notCoordinating(nodeId, fields.groupId);
      if (errorCode === CODE.NONE) groupOf(fields.groupId).sync(fields, answer);
      else answer({ errorCode, memberAssignment: Buffer.alloc(0) });
    },
    Heartbeat: (nodeId, fields, answer) =>
      answer({ errorCode: notCoordinating(nodeId, fields.groupId) || groupOf(fields.groupId).heartbeat(fields) }),
    LeaveGroup: (nodeId, { groupId, memberId }, answer) => {
      const errorCode = notCoordinating(nodeId, groupId);
      // With an error of its own the answer names no member.
      const members = errorCode === CODE.NONE ? [{ memberId, groupInstanceId: null, errorCode: groupOf(groupId).leave(memberId) }] : [];
      answer({ ...NO_THROTTLE, errorCode, members });
    },
    OffsetFetch: (nodeId, { groupId, topics }, answer) => {
      const { offsets } = groupOf(groupId);
      answer({
        ...NO_THROTTLE, errorCode: notCoordinating(nodeId, groupId),
        responses: each(topics, (topic, { partition }) => ({ offset: offsets.get(`${topic}/${partition}`) ?? '-1', metadata: '', errorCode: CODE.NONE })),
      });
    },
    OffsetCommit: (nodeId, fields, answer) => {
      const { groupId, topics } = fields;
      const group = groupOf(groupId);
      const reply = (errorCode: number): void => answer({ ...NO_THROTTLE, responses: each(topics, () => ({ errorCode })) });
      const refused = notCoordinating(nodeId, groupId) || group.mayCommit(fields);
      if (refused !== CODE.NONE) {
        reply(refused);
        return;
      }
      cluster.coordination(groupId).append([{}], COMMIT_TIMEOUT_MS, (code) => {
        if (code !== CODE.NONE) {
          reply(CODE.GROUP_COORDINATOR_NOT_AVAILABLE);
          return;
        }
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

  return {
    handlers,
    committed: (groupId: string, topic: string, partition: number): string | undefined => groupOf(groupId).offsets.get(`${topic}/${partition}`),
    restless: (): string[] => [...groups].filter(([, group]) => group.isRestless()).map(([groupId]) => groupId),
    rebalance: (groupId: string): void => groupOf(groupId).rebalance(),
    expire: (groupId: string): void => groupOf(groupId).expire(),
    /** The groups that this partition's leader coordinates have a new coordinator. */
    moved: (partition: Partition): void => {
      if (partition.topic !== COORDINATION) return;
      loading.set(partition, clock.now() + random.integer(random.next() < 0.3 ? 2_000 : 100));
      for (const [groupId, group] of groups) if (cluster.coordination(groupId) === partition) group.handOver();
    },
  };
};
