import { createCursors } from '../../src/kafka/cursors';

type Ends = Record<string, [low: number, high: number][]>;

const admin = (ends: Ends) => ({
  fetchTopicOffsets: async (topic: string) => (ends[topic] ?? []).map(([low, high], partition) =>
    ({ partition, offset: String(high), low: String(low), high: String(high) })).reverse(),
});

const cursorsAt = async (ends: Ends) => {
  const cursors = createCursors(Object.keys(ends));
  await cursors.learnEnds(admin(ends));
  return cursors;
};

test('When the ends are learnt, then reading begins at the first record, and is behind where there is one', async () => {
  const cursors = await cursorsAt({ orders: [[3, 7], [0, 0]], payments: [[5, 5]] });
  expect(cursors.all().map(({ topic, partition, next }) => `${topic}/${partition}/${next}`)).toEqual(['orders/0/3', 'orders/1/0', 'payments/0/5']);
  expect([...cursors.behind()!].map(({ topic, partition }) => `${topic}/${partition}`)).toEqual(['orders/0']);
});

test('12.5 When the end is passed, then it is reached once, also by what lies beyond it', async () => {
  const cursors = await cursorsAt({ orders: [[0, 7]] });
  const cursor = cursors.of('orders', 0);
  expect([cursors.advance(cursor, 6n), cursors.advance(cursor, 9n), cursors.advance(cursor, 10n)]).toEqual([false, true, false]);
  expect(cursors.behind()!.size).toBe(0);
});

test('12.5 When all that was to be read was deleted meanwhile, then the end is reached', async () => {
  const cursors = await cursorsAt({ orders: [[0, 7]], payments: [[0, 4]] });
  await cursors.passDeleted(admin({ orders: [[7, 7]], payments: [[2, 4]] }), () => true);
  expect([...cursors.behind()!].map(({ topic, next }) => `${topic} ${next}`)).toEqual(['payments 2']);
  expect(cursors.of('orders', 0).next).toBe(7n);
});

test('12.7 When a partition comes later, then it stands in its place among those of its topic', async () => {
  const cursors = await cursorsAt({ orders: [[0, 1]], payments: [[0, 1]] });
  cursors.advance(cursors.of('orders', 1), 4n);
  expect(cursors.all().map(({ topic, partition }) => `${topic}/${partition}`)).toEqual(['orders/0', 'orders/1', 'payments/0']);
  expect(cursors.behind()!.size).toBe(2);
});
