import { StoreUnavailableError } from '../../../src/processors/order-store';
import { createBatcher } from '../../../src/store/postgres/batcher';
import { deferred, eventually } from '../../support/fakes';

const batcherOf = ({ isShared = false } = {}) => {
  const trips: { items: readonly string[]; end: (error?: Error) => void }[] = [];
  const ask = createBatcher<string, string>({
    isShared,
    keyOf: (item) => item[0]!,
    charactersOf: (item) => item.length,
    run: async (items) => {
      const gate = deferred();
      trips.push({ items, end: (error) => (error ? gate.reject(error) : gate.resolve()) });
      await gate.promise;
      return items.map((item) => `${item}!`);
    },
  });
  return { ask, trips };
};

describe('A batcher', () => {
  test('When more is asked while a round trip is in flight, then it travels together in the next one', async () => {
    const { ask, trips } = batcherOf();
    const first = ask('b');
    await eventually(() => trips.length === 1);
    const others = [ask('d'), ask('a'), ask('c')];
    trips[0]!.end();
    expect(await first).toBe('b!');
    await eventually(() => trips.length === 2);
    expect(trips[1]!.items).toEqual(['d', 'a', 'c']);
    trips[1]!.end();
    expect(await Promise.all(others)).toEqual(['d!', 'a!', 'c!']);
  });

  test('When one key is asked for twice, then each has a round trip of its own', async () => {
    const { ask, trips } = batcherOf();
    const both = [ask('a1'), ask('a2'), ask('b')];
    await eventually(() => trips.length === 1);
    expect(trips[0]!.items).toEqual(['a1', 'b']);
    trips[0]!.end();
    await eventually(() => trips.length === 2);
    expect(trips[1]!.items).toEqual(['a2']);
    trips[1]!.end();
    expect(await Promise.all(both)).toEqual(['a1!', 'a2!', 'b!']);
  });

  test('When all that wait under a key have one outcome, then they share a round trip', async () => {
    const { ask, trips } = batcherOf({ isShared: true });
    const all = [ask('a'), ask('b'), ask('a')];
    await eventually(() => trips.length === 1);
    expect(trips[0]!.items).toEqual(['a', 'b']);
    trips[0]!.end();
    expect(await Promise.all(all)).toEqual(['a!', 'b!', 'a!']);
  });

  test('When a round trip fails, then those that were in it hear of it, and the next ones go on', async () => {
    const { ask, trips } = batcherOf();
    const failing = ask('a').catch((error: unknown) => error);
    await eventually(() => trips.length === 1);
    const next = ask('b');
    trips[0]!.end(new Error('lost'));
    expect(await failing).toEqual(new Error('lost'));
    await eventually(() => trips.length === 2);
    trips[1]!.end();
    expect(await next).toBe('b!');
  });

  test('When items are long, then a batch ends early, and one that is longer than a batch goes alone', async () => {
    const { ask, trips } = batcherOf();
    const all = ['a', 'b', 'c'].map((key) => ask(key.padEnd(1_500_000, '.')));
    for (const key of ['a', 'b', 'c']) {
      await eventually(() => trips.at(-1)?.items[0]?.[0] === key);
      expect(trips.at(-1)!.items).toHaveLength(1);
      trips.at(-1)!.end();
    }
    await Promise.all(all);
  });

  test('When too many characters wait, then more is refused until they are gone', async () => {
    const { ask, trips } = batcherOf();
    const held = ask('a'.padEnd(67_000_000, '.'));
    await expect(ask('b'.padEnd(200_000, '.'))).rejects.toThrow(StoreUnavailableError);
    await eventually(() => trips.length === 1);
    trips[0]!.end();
    await held;
    const more = ask('b'.padEnd(200_000, '.'));
    await eventually(() => trips.length === 2);
    trips[1]!.end();
    await more;
  });
});
