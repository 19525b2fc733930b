import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { canonicalText } from '../../../src/processors/order';
import type { OrderStore, Place } from '../../../src/processors/order-store';
import { anOrder, created, orderIdOf, paid } from '../../support/builders';
import { batchOf, createStores, topics } from '../../support/postgres';

const START = Date.parse('2026-11-22T10:00:00.000Z');

const partsOf = async (store: OrderStore, after?: Place): Promise<string[][]> => {
  const parts: string[][] = [];
  for await (const part of store.newestFirst(after)) parts.push(part.map(({ orderId }) => orderId));
  return parts;
};

describe('Reads of PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  const stores = createStores();
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterEach(stores.stopAll);
  afterAll(() => postgres.stop());

  const open = async () => {
    const opened = await stores.open(await postgres.newDatabase());
    for (const topic of Object.values(topics)) await opened.startPartition({ topic, partition: 0, low: '0' });
    return opened;
  };
  const at = (number: number, seconds = number, differences = {}) =>
    created(orderIdOf(number), { createdAt: new Date(START + seconds * 1_000).toISOString(), ...differences });

  test('When there are more orders than a part holds, then all are listed once, newest first', async () => {
    const { store, applyBatch } = await open();
    await applyBatch(batchOf(Array.from({ length: 450 }, (_, number) => at(number))));
    const parts = await partsOf(store);
    expect(parts.map(({ length }) => length)).toEqual([200, 200, 50]);
    expect(parts.flat()).toEqual(Array.from({ length: 450 }, (_, number) => orderIdOf(449 - number)));
  });

  test('When two have the same instant, then the higher id is first, and the list goes on between them', async () => {
    const { store, applyBatch } = await open();
    await applyBatch(batchOf([at(1, 5), at(3, 5), at(2, 5), at(4, 4)]));
    expect((await partsOf(store, { time: START + 5_000, id: orderIdOf(2) })).flat()).toEqual([1, 4].map(orderIdOf));
  });

  test('When orders are long, then a part holds fewer of them, and at least one', async () => {
    const { store, applyBatch } = await open();
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    const order = (number: number): string => canonicalText(anOrder({
      orderId: orderIdOf(number), items: number === 0 ? Array.from({ length: 20 }, () => items).flat() : items,
    }));
    await applyBatch(batchOf(Array.from({ length: 25 }, (_, number) => at(number, number, { order: order(number) }))));
    const parts = await partsOf(store);
    expect(parts.map(({ length }) => length)).toEqual([12, 12, 1]);
  });

  test('When only the payment of an order is known, then it is not listed', async () => {
    const { store, applyBatch } = await open();
    await applyBatch(batchOf([paid()], { topic: topics.payments }));
    expect(await partsOf(store)).toEqual([]);
  });

  test('When several are asked for, then those that are known are answered', async () => {
    const { store, applyBatch } = await open();
    await applyBatch(batchOf(Array.from({ length: 300 }, (_, number) => at(number))));
    const entries = await store.getMany(Array.from({ length: 310 }, (_, number) => orderIdOf(number)));
    expect(entries.size).toBe(300);
    expect(entries.get(orderIdOf(7))).toEqual(await store.get(orderIdOf(7)));
    expect(await store.getMany([])).toEqual(new Map());
  });
});
