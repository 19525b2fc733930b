import type { OrderFact } from '../../src/processors/facts';
import { canonicalText } from '../../src/processors/order';
import { createMemoryStore, type MemoryStore } from '../../src/store/memory';
import { anOrder, created, failed, orderIdOf, paid, shown } from '../support/builders';
import { tellerOf } from '../support/log';
import { describeOrderStore } from './order-store-suite';

describeOrderStore('in memory', {
  create: async (bounds) => createMemoryStore({ max: 100_000, ...bounds }),
  read: async (store, records) => {
    for (const { fact, position } of records) store.apply(fact, position);
  },
});

const storeAfter = (bounds: Parameters<typeof createMemoryStore>[0], ...facts: OrderFact[]): MemoryStore => {
  const store = createMemoryStore(bounds);
  tellerOf(store)(...facts);
  return store;
};

describe('memory', () => {
  const ids = [1, 2, 3, 4].map(orderIdOf) as [string, string, string, string];
  const [a, b, c, d] = ids;
  const later = { at: '2026-11-22T11:00:00.000Z' };
  const held = async (store: MemoryStore): Promise<string[]> => [...(await store.getMany(ids)).keys()];

  test('When there are more orders than may be held, then the one that finished first goes first', async () => {
    const outcomes = [failed(b), paid(c)];
    for (const read of [outcomes, outcomes.toReversed()]) {
      expect(await held(storeAfter({ max: 3 }, created(a), created(b), created(c), ...read, created(d)))).toEqual([a, c, d]);
    }
  });

  test('When none is finished, then the oldest goes', async () => {
    expect(await held(storeAfter({ max: 2 }, created(a), created(b), created(c)))).toEqual([b, c]);
  });

  test('When an order that was evicted comes again as pending, then it is not taken for a finished one', async () => {
    expect(await held(storeAfter({ max: 2 }, created(a), failed(a), paid(a), created(b), paid(b), created(c), created(a)))).toEqual([a, c]);
  });

  test('When a log beyond the bound is read, orders first, then the newest orders are held, completed', async () => {
    const all = Array.from({ length: 30 }, (_, number) => orderIdOf(number));
    const store = storeAfter({ max: 10 }, ...all.map((id) => created(id)), ...all.map((id) => paid(id)));
    const statuses = [...(await store.getMany(all)).values()].map((entry) => shown(entry)?.status).filter((status) => status !== undefined);
    expect(statuses).toEqual(Array(10).fill('completed'));
  });

  test('12.13 When orders without an outcome had to go, then their outcomes push out no newer order', async () => {
    const orders = ids.map((id) => created(id));
    const newer = [paid(c), paid(d)];
    const older = [paid(a, later), failed(b, { failedAt: later.at })];
    for (const outcomes of [[...older, ...newer], [...newer, ...older], [newer[0]!, ...older, newer[1]!]]) {
      const entries = await storeAfter({ max: 2 }, ...orders, ...outcomes).getMany([c, d]);
      expect([...entries.values()].map((entry) => shown(entry)?.status)).toEqual(['completed', 'completed']);
    }
  });

  test('12.13 When an order has no outcome while finished ones are held, then it is not the one that goes', async () => {
    expect(await held(storeAfter({ max: 2 }, created(a), created(b), paid(b), created(c), paid(c), created(d), paid(d)))).toEqual([a, d]);
  });

  test('12.14 When orders take more bytes than they may, then those that finished first go, down to the bound', async () => {
    const facts = ids.flatMap((id, i) => {
      const text = canonicalText(anOrder({ orderId: id, items: Array.from({ length: 100 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 })) }));
      return [created(id, { order: text }), paid(id, { at: `2026-11-22T10:00:0${i}.000Z` })];
    });
    const store = storeAfter({ max: 100, maxBytes: 40_000 }, ...facts);
    expect(await held(store)).toEqual([c, d]);
    expect(await store.counts()).toEqual({ pending: 0, completed: 2, failed: 0 });
  });

  test('12.14 When texts need two bytes a character, then they count for as much', async () => {
    const long = (id: string, letter: string): OrderFact =>
      created(id, { order: canonicalText(anOrder({ orderId: id, userId: letter.repeat(10_000) })) });
    expect(await held(storeAfter({ max: 100, maxBytes: 30_000 }, long(a, 'x'), long(b, 'x')))).toEqual([a, b]);
    expect(await held(storeAfter({ max: 100, maxBytes: 30_000 }, long(a, '\u4e00'), long(b, '\u4e00')))).toEqual([b]);
  });

  test('12.14 When the message of a foreign dead letter is as long as all orders may be, then it is not held, and pushes out none', async () => {
    expect(await held(storeAfter({ max: 100, maxBytes: 40_000 }, created(a), paid(a), failed(b, { message: 'x'.repeat(40_000) })))).toEqual([a]);
  });

  test('12.14 When outcomes come without their orders, then few are held', async () => {
    const outcomes = Array.from({ length: 1_000 }, (_, number) => (number % 2 === 0 ? paid : failed)(orderIdOf(number)));
    const store = storeAfter({ max: 100 }, ...outcomes);
    expect((await store.getMany(outcomes.map(({ orderId }) => orderId))).size).toBe(10);
  });

  test('When a payment is met before its order while as many are held as may be, then both find room', async () => {
    const store = storeAfter({ max: 2 }, created(a), paid(a), created(b), paid(b), paid(c, { at: '2026-11-22T10:00:03.000Z' }), created(c));
    expect(await held(store)).toEqual([b, c]);
    expect(await store.counts()).toEqual({ pending: 0, completed: 2, failed: 0 });
  });

  test('When many orders come and go, then no more than the bound are held, listed and counted', async () => {
    const store = createMemoryStore({ max: 10 });
    const tell = tellerOf(store);
    const all: string[] = [];
    for (let number = 0; number < 30_000; number += 1) {
      const id = `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`;
      all.push(id);
      tell(created(id), number % 2 === 0 ? paid(id) : failed(id));
    }
    expect((await store.getMany(all)).size).toBe(10);
    expect(Object.values(await store.counts()).reduce((sum, count) => sum + count)).toBe(10);
    for await (const part of store.newestFirst()) expect(part).toHaveLength(10);
  });

  test('When orders are evicted, then they are neither listed nor counted', async () => {
    const store = storeAfter({ max: 2 }, created(a), created(b), paid(a), created(c));
    for await (const part of store.newestFirst()) expect(part.map(({ orderId }) => orderId)).toEqual([c, b]);
    expect(await store.counts()).toEqual({ pending: 2, completed: 0, failed: 0 });
  });
});

describe('what a record changes', () => {
  test('When it changes an order, then apply tells its status, and otherwise nothing', () => {
    const tell = tellerOf(createMemoryStore({ max: 3 }));
    expect(tell(created(), paid(), created(), paid())).toEqual(['pending', 'completed', undefined, undefined]);
  });

  test('When an order changes, also at its acknowledgement, then it is heard once, with its status', async () => {
    const store = createMemoryStore({ max: 10 });
    const heard: string[] = [];
    store.onChange((orderId, status) => heard.push(`${orderId.slice(-1)} ${status}`));
    await store.claim(orderIdOf(1), created(orderIdOf(1)).order);
    await store.acknowledge(orderIdOf(1), { partition: 0, offset: '7' });
    expect(store.confirm(orderIdOf(1), 0, '7')).toBe(true);
    tellerOf(store)(created(), created(), paid(), paid());
    expect(heard).toEqual(['1 pending', '0 pending', '0 completed']);
  });
});

describe('orders that were published from here', () => {
  const id = orderIdOf(0);
  const acknowledged = async (bounds = { max: 10 }): Promise<MemoryStore> => {
    const store = createMemoryStore(bounds);
    await store.claim(id, created().order);
    await store.acknowledge(id, { partition: 1, offset: '7' });
    return store;
  };

  test('When the log has not delivered one, then it is told, until it does', async () => {
    const store = await acknowledged();
    expect([...store.unmet()]).toEqual([id]);
    expect([store.confirm(id, 1, '6'), store.confirm(id, 0, '7'), store.confirm(orderIdOf(1), 1, '7')]).toEqual([false, false, false]);
    expect([...store.unmet()]).toEqual([id]);
    expect([store.confirm(id, 1, '7'), store.confirm(id, 1, '7')]).toEqual([true, false]);
    expect([...store.unmet()]).toEqual([]);
  });

  test('When the log delivers another record of it first, then it is met, and its own record is read', async () => {
    const store = await acknowledged();
    store.apply(created(), { partition: 1, offset: '6' });
    expect([...store.unmet()]).toEqual([]);
    expect(store.confirm(id, 1, '7')).toBe(false);
  });

  test('When one has to go before the log delivers it, then it is not waited for', async () => {
    const store = await acknowledged({ max: 1 });
    tellerOf(store)(created(orderIdOf(1), { createdAt: '2099-01-01T00:00:00.000Z' }));
    expect([await store.get(id), [...store.unmet()]]).toEqual([undefined, []]);
  });
});
