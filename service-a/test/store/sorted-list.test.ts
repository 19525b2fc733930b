import { createSortedList } from '../../src/store/sorted-list';
import { createRandom } from '../support/log';

type Item = { orderId: string; time: number };

const item = (time: number, orderId = ''): Item => ({ time, orderId });
const aList = (...items: Item[]) => {
  const list = createSortedList((one: Item) => one.time);
  items.forEach(list.add);
  return list;
};
const compare = (one: Item, other: Item): number => one.time - other.time || (one.orderId < other.orderId ? -1 : 1);
/** The whole list in parts of `count`, from the last to the first. */
const backwards = (list: ReturnType<typeof aList>, count = 100): Item[] => {
  const items: Item[] = [];
  for (let part = list.before(undefined, count); part.length > 0;) {
    items.push(...part);
    const { time, orderId: id } = part.at(-1)!;
    part = list.before({ time, id }, count);
  }
  return items;
};

test('When items are added, then they are listed by time, then by id, and the first is told', () => {
  const list = aList(item(2, 'b'), item(1, 'z'), item(2, 'a'), item(-1));
  expect(backwards(list)).toEqual([item(2, 'b'), item(2, 'a'), item(1, 'z'), item(-1)]);
  expect(list.first()).toEqual(item(-1));
});

test('When it is empty, then there is nothing in it', () => {
  const list = aList();
  expect([list.first(), list.size(), list.before(undefined, 9), list.before({ time: 1, id: '' }, 9)]).toEqual([undefined, 0, [], []]);
});

test('When an item is deleted that is not in it, then nothing happens', () => {
  const list = aList(item(1, 'a'));
  [item(1, 'a'), item(0), item(2)].forEach(list.delete);
  expect(list.size()).toBe(1);
});

test.each(['in order', 'in reverse', 'at random', 'all at one time'])('When thousands come %s and go at random, then the list is that of a sort', (how) => {
  const random = createRandom(how.length);
  const timeOf = (i: number): number => ({ 'in order': i, 'in reverse': -i, 'at random': random(3_000), 'all at one time': 0 })[how]!;
  const all = Array.from({ length: 6_000 }, (_, i) => item(timeOf(i), String(random(2 ** 30)).padStart(10, '0') + String(i)));
  const list = aList();
  let held: Item[] = [];
  all.forEach((one, i) => {
    list.add(one);
    held.push(one);
    if (i % 500 !== 499) return;
    const gone = new Set(held.filter(() => random(3) === 0));
    gone.forEach((each) => list.delete(each));
    held = held.filter((each) => !gone.has(each));
    expect(backwards(list, 1 + random(700))).toEqual(held.toSorted(compare).toReversed());
    expect([list.size(), list.first()]).toEqual([held.length, held.toSorted(compare)[0]]);
  });
  while (list.size() > 0) list.delete(list.first()!);
  expect(backwards(list)).toEqual([]);
});
