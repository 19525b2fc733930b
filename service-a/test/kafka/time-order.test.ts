import type { KafkaMessage } from 'kafkajs';
import { createTimeOrder } from '../../src/kafka/time-order';

const message = (timestamp: number, offset = 0): KafkaMessage =>
  ({ key: null, value: null, timestamp: String(timestamp), offset: String(offset), attributes: 0, headers: {} });

/** Takes all that is there; each record as its partition and its time. */
const taken = (order: ReturnType<typeof createTimeOrder<string>>, awaited: string[] = [], max = 1_000): string[] => {
  const records: string[] = [];
  for (let run = order.take(awaited, max); run !== undefined; run = order.take(awaited, max)) {
    for (const { timestamp } of run.messages) records.push(`${run.partition}${timestamp}`);
  }
  return records;
};

const orderOf = (batches: [partition: string, ...times: number[]][]) => {
  const order = createTimeOrder<string>();
  for (const [partition, ...times] of batches) order.add(partition, times.map((time) => message(time)), 0n);
  return order;
};

describe('12.13 records have their turns', () => {
  test('When partitions were read one after the other, then their records come by time', () => {
    expect(taken(orderOf([['a', 1, 4, 5], ['b', 2, 3, 9], ['a', 7, 8], ['c', 6]]))).toEqual(['a1', 'b2', 'b3', 'a4', 'a5', 'c6', 'a7', 'a8', 'b9']);
  });

  test('When records are of one time, then those of the partition that was there first come first', () => {
    expect(taken(orderOf([['a', 1, 2, 2], ['b', 1, 1, 2]]))).toEqual(['a1', 'b1', 'b1', 'a2', 'a2', 'b2']);
    expect(taken(orderOf([['a', 2], ['b', 1, 2], ['c', 2]]))).toEqual(['b1', 'a2', 'b2', 'c2']);
  });

  test('When a partition that has more has nothing here, then nothing is taken until it has', () => {
    const order = orderOf([['a', 1, 2], ['b', 1]]);
    expect(taken(order, ['a', 'b'])).toEqual(['a1', 'b1']);
    order.add('b', [message(3)], 0n);
    expect(taken(order, ['a', 'b'])).toEqual(['a2']);
    expect(taken(order, ['b'])).toEqual(['b3']);
  });

  test('When a partition that nothing is known of has more, then nothing is taken', () => {
    expect(taken(orderOf([['a', 1]]), ['new'])).toEqual([]);
  });

  test('When a clock was wrong for some records, then they keep their place and hold up no other', () => {
    expect(taken(orderOf([['a', 1, 9_000, 3, 5], ['b', 2, 4]]))).toEqual(['a1', 'b2', 'a9000', 'a3', 'b4', 'a5']);
  });

  test.each([-1, 0])('When records have no timestamp but %i, then they come right behind the one before', (none) => {
    expect(taken(orderOf([['a', 3, none, 5], ['a', none, 7], ['b', 4, 6]]))).toEqual(['a3', `a${none}`, 'b4', 'a5', `a${none}`, 'b6', 'a7']);
  });

  test('When more may come of a partition, then a run tells what comes next; the last of a batch tells what is behind the batch', () => {
    const order = createTimeOrder<string>();
    order.add('a', [message(1, 10), message(2, 12), message(3, 13)], 20n);
    expect(order.take([], 2)).toMatchObject({ partition: 'a', next: 13n });
    expect(order.waiting('a')).toBe(1);
    expect(order.take([], 2)).toMatchObject({ messages: [message(3, 13)], next: 20n });
    expect(order.waiting('a')).toBe(0);
  });

  test('When it is cleared, then nothing waits', () => {
    const order = orderOf([['a', 1], ['b', 1]]);
    order.clear();
    expect([order.waiting('a'), order.take([], 10)]).toEqual([0, undefined]);
  });
});
