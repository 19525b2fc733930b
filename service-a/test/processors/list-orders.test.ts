import { listOrders, type Query } from '../../src/processors/list-orders';
import { canonicalText } from '../../src/processors/order';
import { createMemoryStore } from '../../src/store/memory';
import { anOrder, created, failed, orderIdOf, paid, type OrderView } from '../support/builders';
import { tellerOf } from '../support/log';

const aStore = (max = 100_000) => {
  const store = createMemoryStore({ max });
  return { ...store, tell: tellerOf(store) };
};

type Store = ReturnType<typeof aStore>;

const placed = (store: Store, number: number, order: Partial<ReturnType<typeof anOrder>> = {}): void => {
  const orderId = orderIdOf(number);
  const createdAt = new Date(Date.UTC(2026, 10, 22) + number * 1_000).toISOString();
  store.tell(created(orderId, { createdAt, order: canonicalText(anOrder({ orderId, ...order })) }));
};

const storeOf = (count: number): Store => {
  const store = aStore();
  for (let number = 0; number < count; number += 1) placed(store, number);
  return store;
};

const numbers = (orders: string[]): number[] => orders.map((text) => Number((JSON.parse(text) as OrderView).orderId.slice(-4)));

/** The numbers on each page, to the end. */
const pages = async (store: Store, query: Partial<Query>, between: () => void = () => undefined): Promise<number[][]> => {
  const seen: number[][] = [];
  let after: Query['after'];
  do {
    const page = await listOrders(store, { limit: 50, ...query, after });
    seen.push(numbers(page.orders));
    after = page.next;
    between();
  } while (after !== undefined);
  return seen;
};

describe('pages', () => {
  test('When there are more orders than fit, then pages go on to the end, the newest first, and the last one says so', async () => {
    expect(await pages(storeOf(5), { limit: 2 })).toEqual([[4, 3], [2, 1], [0]]);
    expect(await pages(storeOf(4), { limit: 2 })).toEqual([[3, 2], [1, 0]]);
    expect(await pages(storeOf(0), { limit: 2 })).toEqual([[]]);
  });

  test('When orders are placed between two pages, then none is shown twice or left out', async () => {
    const store = storeOf(4);
    let number = 4;
    expect(await pages(store, { limit: 2 }, () => placed(store, number += 1))).toEqual([[3, 2], [1, 0]]);
  });

  test('When the order at which a page ended is gone, then the next one goes on behind its place', async () => {
    const store = aStore(4);
    for (let number = 0; number < 4; number += 1) placed(store, number);
    store.tell(paid(orderIdOf(2)));
    expect(await pages(store, { limit: 2 }, () => placed(store, 9))).toEqual([[3, 2], [1, 0]]);
  });

  test('When a page has shown about a million characters, then it ends, and the next one goes on', async () => {
    const store = aStore(100);
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    for (let number = 0; number < 30; number += 1) placed(store, number, { items });
    const seen = await pages(store, {});
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.flat()).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i));
  });
});

describe('filters', () => {
  test.each([['pending', [3, 0]], ['completed', [2]], ['failed', [1]]] as const)('When %s ones are asked for, then only they are shown', async (status, expected) => {
    const store = storeOf(4);
    store.tell(failed(orderIdOf(1)));
    store.tell(paid(orderIdOf(2)));
    expect(await pages(store, { status })).toEqual([expected]);
  });

  test.each(['user-1', 'a"b', 'a\\', '\u{1f600}', 'caf\u{e9}', '{"userId":"x"}'])('When the orders of %j are asked for, then exactly they are shown', async (userId) => {
    const store = storeOf(1);
    placed(store, 1, { userId });
    placed(store, 2, { userId: `${userId}0` });
    placed(store, 3, { userId: userId.slice(1) || 'x' });
    expect(await pages(store, { userId })).toEqual([[1]]);
  });

  test('When few of many orders match, then a page looks at 5,000 of them at most, and the pages find them all', async () => {
    const store = aStore();
    const uuidOf = (number: number): string => `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`;
    for (let number = 0; number < 12_000; number += 1) store.tell(created(uuidOf(number)));
    store.tell(failed(uuidOf(1)));
    store.tell(failed(uuidOf(11_999)));
    expect(await pages(store, { status: 'failed' })).toEqual([[1_999], [], [1]]);
  });

  test('When the orders that do not match are long, then a page looks at about a million characters of them', async () => {
    const store = aStore(100);
    for (let number = 0; number < 10; number += 1) placed(store, number, { userId: 'x'.repeat(300_000) });
    store.tell(failed(orderIdOf(0)));
    expect(await pages(store, { status: 'failed' })).toEqual([[], [], [0]]);
  });
});
