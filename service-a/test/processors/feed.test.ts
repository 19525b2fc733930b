import { createFeed, type ReadPosition } from '../../src/processors/feed';

/** A feed over partition 0 of three topics, each read from offset 0 on unless told otherwise. */
const aFeed = ({ starts = [0n, 0n, 0n] as bigint[], unmet = [] as string[] } = {}) => {
  const reads: ReadPosition[] = ['orders', 'payments', 'orders.DLT'].map((topic, i) => ({ topic, partition: 0, start: starts[i]!, next: starts[i]! }));
  const feed = createFeed({ positions: () => reads, unmet: () => unmet });
  /** Reads the next record of a topic; it changes an order or nothing. */
  const read = (topic: number, orderId?: string): void => {
    const position = reads[topic]!;
    if (orderId !== undefined) feed.note(position.topic, 0, position.next.toString(), orderId);
    position.next += 1n;
  };
  const since = (position: string): string[] | undefined => {
    const changed = feed.since(position);
    return changed && [...changed].sort();
  };
  return { ...feed, since, read, reads };
};

describe('a position', () => {
  test('When topics have several partitions, then it tells the next offset of each', () => {
    const reads = [['a', 0, 12n], ['a', 1, 5n], ['b', 0, 9_007_199_254_740_993n]] as const;
    const feed = createFeed({
      positions: () => reads.map(([topic, partition, next]) => ({ topic, partition, start: 0n, next })), unmet: () => [],
    });
    expect(feed.position()).toBe('12.5-9007199254740993');
  });
});

describe('what changed since a position', () => {
  test('When nothing was read since, then nothing changed', () => {
    const feed = aFeed();
    feed.read(0, 'a');
    expect(feed.since(feed.position())).toEqual([]);
  });

  test('When records of several topics were read since, then it is what they changed, each once', () => {
    const feed = aFeed();
    feed.read(0, 'before');
    const position = feed.position();
    feed.read(0, 'a');
    feed.read(0);
    feed.read(1, 'a');
    feed.read(2, 'b');
    expect(feed.since(position)).toEqual(['a', 'b']);
    expect(feed.since('0-0-0')).toEqual(['a', 'b', 'before']);
  });

  test('When an order is shown that the log has not delivered yet, then it is among them', () => {
    const feed = aFeed({ unmet: ['own'] });
    expect(feed.since(feed.position())).toEqual(['own']);
  });

  test('When as many changes as are remembered were made since, then they are known, and with one more they are not', () => {
    const feed = aFeed();
    feed.read(0, 'first');
    const position = feed.position();
    for (let i = 0; i < 1_999; i += 1) feed.read(0, `order-${i}`);
    expect(feed.since(position)).toHaveLength(1_999);
    feed.read(0, 'one more');
    expect(feed.since(position)).toHaveLength(2_000);
    feed.read(0, 'too many');
    expect(feed.since(position)).toBeUndefined();
    expect(feed.since(`${Number(position.split('-')[0]) + 1}-0-0`)).toHaveLength(2_000);
  });

  test('When the position is of before the log begins here, then it is not known', () => {
    const feed = aFeed({ starts: [10n, 0n, 0n] });
    expect(feed.since('10-0-0')).toEqual([]);
    expect(feed.since('9-0-0')).toBeUndefined();
  });

  test('When the position lies beyond what was read, as after the records were deleted, then it is not known', () => {
    const feed = aFeed();
    feed.read(0, 'a');
    expect(feed.since('2-0-0')).toBeUndefined();
  });

  test('When a topic was deleted and begins anew, then what lies before that is not known', () => {
    const feed = aFeed();
    for (let i = 0; i < 5; i += 1) feed.read(0, 'old');
    feed.reads[0]!.next = 0n;
    for (let i = 0; i < 3; i += 1) feed.read(0, 'new');
    expect(feed.since('2-0-0')).toEqual(['new']);
    expect(feed.since('0-0-0')).toBeUndefined();
  });

  test.each(['', '0-0', '0-0-0-0', '0.0-0-0', '0-0-0 ', '-0-0', '1x-0-0', 'x', '--', '-1-0-0', '0-0-99999999999999999999999999', '00000000000000000000-0-0'])(
    'When the text is %j, then it is no position', (text) => {
      expect(aFeed().since(text)).toBeUndefined();
    });
});
