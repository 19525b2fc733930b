import { createWindow } from '../../src/kafka/window';
import { seededRandom } from '../support/builders';

const aWindow = ({ maxRecords = 1_000, maxBytes = 1_000_000 } = {}) => createWindow({ maxRecords, maxBytes });

describe('what may be committed', () => {
  test('When nothing was read, then nothing', () => {
    expect(aWindow().nextToCommit()).toBeUndefined();
  });

  test('When nothing is finished, then nothing, but for what lies between the beginning and the first record', () => {
    const window = aWindow();
    window.begin(3n);
    expect(window.nextToCommit()).toBeUndefined();
    window.add(5n, 1);
    expect(window.nextToCommit()).toBe('5');
  });

  test('12.6 When the log goes on with what is handed over to nobody, then that is passed, but no record without an outcome is', () => {
    const window = aWindow();
    window.passTo(3n);
    expect(window.nextToCommit()).toBe('3');
    const slot = window.add(3n, 1);
    window.passTo(7n);
    expect([window.nextToCommit(), window.next()]).toEqual(['3', 7n]);
    window.finish(slot);
    expect(window.nextToCommit()).toBe('7');
  });

  test('When records finish out of order, then only up to the first that has not', () => {
    const window = aWindow();
    const [five, six, seven] = [5n, 6n, 7n].map((offset) => window.add(offset, 1));
    window.finish(seven!);
    expect(window.nextToCommit()).toBe('5');
    window.finish(five!);
    expect(window.nextToCommit()).toBe('6');
    window.finish(six!);
    expect(window.nextToCommit()).toBe('8');
  });

  test('When offsets have gaps, then it is one past the last finished record', () => {
    const window = aWindow();
    window.finish(window.add(5n, 1));
    window.finish(window.add(9n, 1));
    expect(window.nextToCommit()).toBe('10');
  });

  test('When offsets are beyond 2^53, then they are exact', () => {
    const window = aWindow();
    window.finish(window.add(9007199254740992n, 1));
    expect(window.nextToCommit()).toBe('9007199254740993');
  });

  test('When thousands of records finish in any order, then it never passes by one that has not', () => {
    const window = aWindow({ maxRecords: 10_000 });
    const random = seededRandom(3);
    const open = new Map(Array.from({ length: 6_000 }, (_, offset) => [offset, window.add(BigInt(offset), 1)]));
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
    const [first, second] = [window.add(0n, 1), window.add(1n, 1)];
    expect(window.full()).toBe(true);
    window.finish(second);
    expect(window.full()).toBe(true);
    window.finish(first);
    expect(window.full()).toBe(false);
  });

  test('When as many bytes are held as may be, then it is full until some are finished', () => {
    const window = aWindow({ maxBytes: 10 });
    const large = window.add(0n, 10);
    expect(window.full()).toBe(true);
    window.finish(large);
    expect(window.full()).toBe(false);
  });

  test('When a record is larger than the bound, then an empty window takes it', () => {
    expect(aWindow({ maxBytes: 10 }).full()).toBe(false);
  });

  test('12.10 When it was full, then it is roomy again only when half of it is free', () => {
    const window = aWindow({ maxRecords: 4 });
    const slots = [0n, 1n, 2n, 3n].map((offset) => window.add(offset, 1));
    window.finish(slots[0]!);
    expect([window.full(), window.roomy()]).toEqual([false, false]);
    window.finish(slots[1]!);
    expect(window.roomy()).toBe(true);
  });

  test('12.10 When its front does not move, then it is told for how long', () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const window = aWindow();
    const [first, second] = [window.add(0n, 1), window.add(1n, 1)];
    clock.mockReturnValue(5_000);
    window.finish(second);
    expect(window.standsForMs()).toBe(4_000);
    window.finish(first);
    expect(window.standsForMs()).toBe(0);
    clock.mockRestore();
  });
});
