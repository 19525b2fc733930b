import { offsetsOf, positionText } from '../../../src/processors/feed';
import type { StoredPosition } from '../../../src/processors/tables';

const position = (topic: string, partition: number, next: bigint): StoredPosition => ({ topic, partition, next, changesFrom: 0n });
const positions = [
  position('orders', 0, 12n), position('orders', 1, 5n), position('orders', 2, 7n),
  position('payments', 0, 11n), position('payments', 1, 5n), position('payments', 2, 6n),
  position('orders.DLT', 0, 1n), position('orders.DLT', 1, 0n), position('orders.DLT', 2, 1n),
];

describe('A position as text', () => {
  test('When it is written, then offsets of a topic are joined by dots, topics by dashes', () => {
    expect(positionText(positions)).toBe('12.5.7-11.5.6-1.0.1');
    expect(positionText([])).toBe('');
  });

  test('When it is read, then each partition has its offset', () => {
    expect(offsetsOf('12.5.7-11.5.6-1.0.1', positions)).toEqual([12n, 5n, 7n, 11n, 5n, 6n, 1n, 0n, 1n]);
    expect(offsetsOf('', [])).toEqual([]);
  });

  test.each(['', '12.5.7', '12.5.7-11.5.6-1.0', '12.5.7.11.5.6.1.0.1', '-.-.-.', 'x', '99999999999999999999.5.7-11.5.6-1.0.1'])(
    'When it is %j, then it is none of these partitions', (text) => {
      expect(offsetsOf(text, positions)).toBeUndefined();
    });
});
