import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

/**
 * Gives every partition to every member: each instance of the service holds the whole state, so each reads the whole log. The group
 * exists for what it shows (members, lag), not to divide the work.
 */
export const everyPartitionToEveryMember: PartitionAssigner = ({ cluster }) => ({
  name: 'EveryPartitionToEveryMember',
  version: 0,
  assign: async ({ members, topics }) => {
    const assignment = Object.fromEntries(topics.map((topic) =>
      [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]));
    return members.map(({ memberId }) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) }),
    }));
  },
  protocol: ({ topics }) => ({
    name: 'EveryPartitionToEveryMember',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
});
