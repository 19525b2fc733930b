import { createRecordStore, type RecordStore, type StoredRecord } from '../../src/utils/record-store';

/** Numbers that look random and are the same in every run. */
const createRandom = (seed = 1) => (below: number): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
};

const idOf = (number: number): string => `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`;
const read = (store: RecordStore, id: string): Omit<StoredRecord, 'queue'> | undefined => {
  const location = store.find(id);
  return location === 0 ? undefined : { tag: store.tag(location), time: store.time(location), text: store.text(location) };
};
const MIB = 1_048_576;

describe('a record', () => {
  test.each([
    ['plain text', 'text'], ['none', ''], ['text of many bytes a character', 'Größe 数量 🙂'], ['a text of a megabyte', 'x'.repeat(MIB)],
    ['a text of three megabytes', '数'.repeat(MIB)],
  ])('When it has %s, then it is read as it was put', (_what, text) => {
    const store = createRecordStore({ queues: 1 });
    store.put(idOf(1), { queue: 0, tag: 3, time: 1_795_341_600_000.5, text });
    store.put(idOf(2), { queue: 0, tag: 4, time: NaN, text: 'the next one' });
    expect(read(store, idOf(1))).toEqual({ tag: 3, time: 1_795_341_600_000.5, text });
    expect(read(store, idOf(2))).toEqual({ tag: 4, time: NaN, text: 'the next one' });
    expect(read(store, idOf(3))).toBeUndefined();
  });

  test('When its tag is set, then nothing else of it changes', () => {
    const store = createRecordStore({ queues: 1 });
    store.put(idOf(1), { queue: 0, tag: 1, time: 2, text: 'text' });
    store.setTag(store.find(idOf(1)), 7);
    expect(read(store, idOf(1))).toEqual({ tag: 7, time: 2, text: 'text' });
  });
});

describe('memory', () => {
  /** Puts records under these ids, each followed by so many others, removed again, that its slab is full: it holds 1,008 of them. */
  const putApart = (store: RecordStore, numbers: number[]): void => {
    const put = (number: number): void => store.put(idOf(number), { queue: 0, tag: number, time: 0, text: 'x'.repeat(1_000) });
    for (const number of numbers) {
      put(number);
      for (let passing = 0; passing < 1_007; passing += 1) {
        put(100);
        store.remove(idOf(100));
      }
    }
  };

  test('When few records of a queue outlive the others, one at a time, then it is not held for them', () => {
    const store = createRecordStore({ queues: 1 });
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    putApart(store, numbers);
    expect(store.bytes()).toBeLessThan(3 * MIB);
    expect(numbers.map((number) => read(store, idOf(number))?.tag)).toEqual(numbers);
  });

  test('When a record is put again while its slab is copied together, then it is held once', () => {
    const store = createRecordStore({ queues: 1 });
    putApart(store, [0, 1, 1]);
    expect([store.size(), read(store, idOf(1))?.tag]).toEqual([2, 1]);
    store.remove(idOf(1));
    expect([store.size(), store.find(idOf(1))]).toEqual([1, 0]);
  });

  test('When texts are long, then no more is taken for them than for others', () => {
    const store = createRecordStore({ queues: 1 });
    for (let number = 0; number < 20; number += 1) store.put(idOf(number), { queue: 0, tag: 0, time: 0, text: 'x'.repeat(MIB / 4) });
    expect(store.bytes()).toBeLessThan(20 * MIB / 3 + MIB);
  });
});

describe.each([
  ['hashes as they are', undefined],
  ['one hash for all', () => 5],
  ['three hashes', (words: Uint32Array, at: number) => words[at + 3]! % 3],
])('many records, %s', (_how, hash) => {
  const count = hash === undefined ? 20_000 : 300;

  test('When they are put, changed and removed at random, then the store holds what a Map would, within twice its size', () => {
    const store = createRecordStore({ queues: 2, ...(hash && { hash }) });
    const model = new Map<string, StoredRecord>();
    const random = createRandom();
    for (let step = 0; step < 10 * count; step += 1) {
      const id = idOf(random(count));
      if (random(3) === 0) {
        store.remove(id);
        model.delete(id);
      } else {
        const record = { queue: random(2), tag: random(1_000), time: random(1_000), text: 'ä'.repeat(random(400)) };
        store.put(id, record);
        model.delete(id);
        model.set(id, record);
      }
    }
    expect(store.size()).toBe(model.size);
    const bytes = [...model.values()].reduce((sum, { text }) => sum + 48 + Buffer.byteLength(text), 0);
    // Twice what is live, and the first and the last slab of each queue.
    expect(store.bytes()).toBeLessThan(2 * bytes + 4 * MIB);
    const weights = [...model.keys()].reduce((sum, id) => sum + store.weight(store.find(id)), 0);
    expect([weights <= bytes, weights > bytes - 16 * model.size]).toEqual([true, true]);
    for (let number = 0; number < count; number += 1) {
      const { queue: _queue, ...record } = model.get(idOf(number)) ?? {};
      expect(read(store, idOf(number)) ?? {}).toEqual(record);
    }
    for (const id of model.keys()) store.remove(id);
    expect(store.size()).toBe(0);
    expect(store.bytes()).toBe(0);
  });
});
