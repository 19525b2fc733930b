import { createSortedIds, type Place } from '../../src/utils/sorted-ids';

/** Numbers that look random and are the same in every run. */
const createRandom = (seed = 1) => (below: number): number => {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
};

/** A UUID that begins with a number; ids stand as their numbers do. */
const idOf = (number: number, end = 0): string => `${String(number).padStart(8, '0')}-0000-4000-8000-${String(end).padStart(12, '0')}`;

const newestFirst = (places: Place[]): string[] => places
  .toSorted((one, other) => other.time - one.time || (one.id < other.id ? 1 : -1))
  .map(({ id }) => id);

describe('sorted ids', () => {
  test.each([
    ['in order', (i: number) => i],
    ['backwards', (i: number) => -i],
    ['at random', (_i: number, random: (below: number) => number) => random(1_000_000)],
    ['nearly in order', (i: number, random: (below: number) => number) => i + random(50)],
    ['all at one time', () => 7],
  ])('When many come %s and many go again, then they are always found in order', (_how, timeOf) => {
    const random = createRandom();
    const sorted = createSortedIds();
    const all: Place[] = Array.from({ length: 5_000 }, (_, i) => ({ time: timeOf(i, random), id: idOf(random(100_000_000), i) }));
    for (const { time, id } of all) sorted.add(time, id);
    expect([...sorted.backwards()]).toEqual(newestFirst(all));
    expect([sorted.size(), sorted.first()?.id]).toEqual([5_000, newestFirst(all).at(-1)]);

    const kept: Place[] = [];
    all.forEach((place, i) => {
      if (i % 500 === 0 || (i > 3_000 && random(3) === 0)) kept.push(place);
      else sorted.delete(place.time, place.id);
    });
    expect([...sorted.backwards()]).toEqual(newestFirst(kept));
    for (const { time, id } of kept) sorted.delete(time, id);
    expect([...sorted.backwards()]).toEqual([]);
    expect([sorted.size(), sorted.first()]).toEqual([0, undefined]);
    sorted.add(1, idOf(1));
    expect([...sorted.backwards()]).toEqual([idOf(1)]);
    expect([sorted.size(), sorted.first()]).toEqual([1, { time: 1, id: idOf(1) }]);
  });

  test('When a place is given, then what is before it follows, whether it is among them or not', () => {
    const sorted = createSortedIds();
    const all = Array.from({ length: 2_000 }, (_, i) => ({ time: Math.floor(i / 10), id: idOf(i) }));
    for (const { time, id } of all) sorted.add(time, id);
    for (const i of [0, 1, 9, 10, 511, 512, 513, 1_024, 1_999]) {
      expect([...sorted.backwards(all[i])]).toEqual(newestFirst(all.slice(0, i)));
      expect([...sorted.backwards({ ...all[i]!, id: idOf(i, 1) })]).toEqual(newestFirst(all.slice(0, i + 1)));
    }
    expect([...sorted.backwards({ time: -1, id: idOf(0) })]).toEqual([]);
    expect([...sorted.backwards({ time: 10_000, id: idOf(0) })]).toHaveLength(2_000);
  });

  test('When the first ones go while new ones come, then the others are found all the while', () => {
    const sorted = createSortedIds();
    for (let i = 0; i < 4_000; i += 1) {
      sorted.add(i, idOf(i));
      if (i < 1_000) continue;
      sorted.delete(i - 1_000, idOf(i - 1_000));
      if (i % 50 === 0) expect([...sorted.backwards()]).toEqual(Array.from({ length: 1_000 }, (_, back) => idOf(i - back)));
    }
  });

  test('When an id is deleted with another time, or a second time, then nothing is', () => {
    const sorted = createSortedIds();
    sorted.add(1, idOf(1));
    sorted.add(2, idOf(2));
    sorted.delete(2, idOf(1));
    sorted.delete(3, idOf(3));
    sorted.delete(1, idOf(1));
    sorted.delete(1, idOf(1));
    expect([...sorted.backwards()]).toEqual([idOf(2)]);
  });
});
