import { AssignerProtocol, type Cluster } from 'kafkajs';
import { coPartitioned, everyPartitionToEveryMember } from '../../src/kafka/assigner';

const TOPICS = { orders: 3, payments: 3, letters: 3 };

const assigned = async (
  assigner: typeof coPartitioned, memberIds: string[], topics: Record<string, number> = TOPICS,
): Promise<Record<string, Record<string, number[]>>> => {
  const cluster = {
    findTopicPartitionMetadata: (topic: string) => Array.from({ length: topics[topic]! }, (_, partitionId) => ({ partitionId })),
  } as unknown as Cluster;
  const { assign } = assigner({ cluster, groupId: 'g', logger: undefined as never });
  const members = memberIds.map((memberId) => ({ memberId, memberMetadata: Buffer.alloc(0) }));
  const assignments = await assign({ members, topics: Object.keys(topics) });
  return Object.fromEntries(assignments.map(({ memberId, memberAssignment }) =>
    [memberId, AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment]));
};

describe('who reads which partition', () => {
  test('When members share the tables, then a partition of all topics is one member\'s, and shares differ by one at most', async () => {
    expect(await assigned(coPartitioned, ['b', 'a'])).toEqual({
      a: { orders: [0, 2], payments: [0, 2], letters: [0, 2] },
      b: { orders: [1], payments: [1], letters: [1] },
    });
  });

  test('When the members are named in another order, then the assignment is the same', async () => {
    expect(await assigned(coPartitioned, ['a', 'c', 'b'])).toEqual(await assigned(coPartitioned, ['c', 'b', 'a']));
  });

  test('When topics differ in partitions, then every partition has one reader', async () => {
    const shares = Object.values(await assigned(coPartitioned, ['a', 'b', 'c', 'd'], { orders: 6, payments: 3 }));
    expect(shares.flatMap(({ orders }) => orders!).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(shares.flatMap(({ payments }) => payments!).sort()).toEqual([0, 1, 2]);
  });

  test('When there are more members than partitions, then those left over have none', async () => {
    const { d } = await assigned(coPartitioned, ['a', 'b', 'c', 'd']);
    expect(d).toEqual({ orders: [], payments: [], letters: [] });
  });

  test('When members hold the state, then each has every partition', async () => {
    const all = { orders: [0, 1, 2], payments: [0, 1, 2], letters: [0, 1, 2] };
    expect(await assigned(everyPartitionToEveryMember, ['a', 'b'])).toEqual({ a: all, b: all });
  });

  test('When both are in one group, then they have no protocol in common', () => {
    const nameOf = (assigner: typeof coPartitioned): string =>
      assigner({ cluster: undefined as never, groupId: 'g', logger: undefined as never }).protocol({ topics: [] }).name;
    expect(nameOf(coPartitioned)).not.toBe(nameOf(everyPartitionToEveryMember));
  });
});
