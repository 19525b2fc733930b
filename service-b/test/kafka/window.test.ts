import { createWindow } from '../../src/kafka/window';
import { seededRandom } from '../support/builders';

const aWindow = ({ maxRecords = 1_000, maxBytes = 1_000_000 } = {}) => createWindow({ maxRecords, maxBytes });

describe('what may be committed', () => {
  test('When nothing is finished, then nothing', () => {
    const window = aWindow();
    window.add('5', 1);
    expect(window.nextToCommit()).toBeUndefined();
  });

  test('When records finish out of order, then only up to the first that has not', () => {
    const window = aWindow();
    const [five, six, seven] = ['5', '6', '7'].map((offset) => window.add(offset, 1));
    window.finish(seven!);
    expect(window.nextToCommit()).toBeUndefined();
    window.finish(five!);
    expect(window.nextToCommit()).toBe('6');
    window.finish(six!);
    expect(window.nextToCommit()).toBe('8');
  });

  test('When offsets have gaps, then it is one past the last finished record', () => {
    const window = aWindow();
    window.finish(window.add('5', 1));
    window.finish(window.add('9', 1));
    expect(window.nextToCommit()).toBe('10');
  });

  test('When offsets are beyond 2^53, then they are exact', () => {
    const window = aWindow();
    window.finish(window.add('9007199254740992', 1));
    expect(window.nextToCommit()).toBe('9007199254740993');
  });

  test('When thousands of records finish in any order, then it never passes by one that has not', () => {
    const window = aWindow({ maxRecords: 10_000 });
    const random = seededRandom(3);
    const open = new Map(Array.from({ length: 6_000 }, (_, offset) => [offset, window.add(String(offset), 1)]));
    const order = [...open.keys()].map((offset) => [offset, offset + random() * 500] as const).sort(([, a], [, b]) => a - b);
    for (const [offset] of order) {
      window.finish(open.get(offset)!);
      open.delete(offset);
      const lowest = open.keys().next().value ?? 6_000;
      if (Number(window.nextToCommit() ?? 0) !== lowest) throw new Error(`${window.nextToCommit() ?? 'none'} instead of ${lowest}`);
    }
    expect(window.nextToCommit()).toBe('6000');
    expect(window.pending()).toBe(0);
  });
});

describe('bounds', () => {
  test('When as many records are held as may be, then it is full until the front moves', () => {
    const window = aWindow({ maxRecords: 2 });
    const [first, second] = [window.add('0', 1), window.add('1', 1)];
    expect(window.full()).toBe(true);
    window.finish(second);
    expect(window.full()).toBe(true);
    window.finish(first);
    expect(window.full()).toBe(false);
  });

  test('When as many bytes are held as may be, then it is full until some are finished', () => {
    const window = aWindow({ maxBytes: 10 });
    const large = window.add('0', 10);
    expect(window.full()).toBe(true);
    window.finish(large);
    expect(window.full()).toBe(false);
  });

  test('When a record is larger than the bound, then an empty window takes it', () => {
    expect(aWindow({ maxBytes: 10 }).full()).toBe(false);
  });

  test('When there is room again, then whoever waits goes on at once', async () => {
    const window = aWindow({ maxRecords: 1 });
    const slot = window.add('0', 1);
    const room = window.waitForRoom(60_000);
    window.finish(slot);
    await expect(room).resolves.toBeUndefined();
  });

  test('When there is no room for a while, then whoever waits gets a turn for heartbeats', async () => {
    const window = aWindow({ maxRecords: 1 });
    window.add('0', 1);
    await window.waitForRoom(5);
    expect(window.full()).toBe(true);
  });
});
