import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

type Assignment = Record<string, number[]>;

const encoded = (memberId: string, assignment: Assignment) => ({
  memberId,
  memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) }),
});

type Cluster = Parameters<PartitionAssigner>[0]['cluster'];

const partitionsOf = (cluster: Cluster, topic: string): number[] =>
  cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);

type Divide = (memberIds: readonly string[], partitions: ReadonlyMap<string, number[]>) => Assignment[];

/** A way to divide the partitions, under a name that the members of a group must have in common: the broker refuses any other member. */
const assignerOf = (name: string, divide: Divide): PartitionAssigner =>
  ({ cluster }) => ({
    name,
    version: 0,
    assign: async ({ members, topics }) => {
      const memberIds = members.map(({ memberId }) => memberId).sort();
      const shares = divide(memberIds, new Map(topics.map((topic) => [topic, partitionsOf(cluster, topic)])));
      return memberIds.map((memberId, at) => encoded(memberId, shares[at]!));
    },
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
  });

/**
 * Gives every partition to every member: where each instance of the service holds the whole state, each reads the whole log. The group
 * exists for what it shows (members, lag), not to divide the work.
 */
export const everyPartitionToEveryMember = assignerOf('EveryPartitionToEveryMember', (memberIds, partitions) =>
  memberIds.map(() => Object.fromEntries(partitions)));

/**
 * Divides the partitions by their number: partition p of all topics is one member's, so what is said of one order meets in one place, and
 * two members never write the same order. No member has more than one number above another.
 *
 * Instances that hold the state and those that share tables cannot be in one group, since these would leave those without their records.
 * The broker sees to it: with no protocol in common it refuses whoever comes later (INCONSISTENT_GROUP_PROTOCOL), which then is not ready
 * until the last of the others has left.
 */
export const coPartitioned = assignerOf('CoPartitioned', (memberIds, partitions) =>
  memberIds.map((_memberId, at) => Object.fromEntries([...partitions].map(([topic, numbers]) =>
    [topic, numbers.filter((partition) => partition % memberIds.length === at)]))));
