import type { OrderFact } from '../../src/processors/facts';
import { canonicalText } from '../../src/processors/order';
import { ClaimsFullError, type Claimed, type OrderStore, type Place } from '../../src/processors/order-store';
import { statusOf, type OrderEntry } from '../../src/processors/projection';
import { anOrder, created, failed, orderIdOf, paid } from '../support/builders';
import { createRandom, merged, recordsOf, type TestRecord } from '../support/log';

export type ClaimBounds = { claimsMax?: number; claimsMaxBytes?: number };

/**
 * What every implementation of the port does.
 * @param create an empty store, with room for all that is told here
 * @param read folds records as the log tells them: those of one partition of a topic, which `fact.kind` names, in offset order
 */
export const describeOrderStore = <S extends OrderStore>(name: string, { create, read, isBounded = true }: {
  create: (bounds?: ClaimBounds) => Promise<S>;
  read: (store: S, records: readonly TestRecord[]) => Promise<void>;
  /** Whether it holds no more claims than it is told to. */
  isBounded?: boolean;
}): void => {
  const [a, b, c] = [1, 2, 3].map(orderIdOf) as [string, string, string];
  const textOf = (orderId: string, amount = 99.99): string => canonicalText(anOrder({ orderId, amount }));
  const at = (offset: number, partition = 0) => ({ partition, offset: String(offset) });
  const told = async (...facts: OrderFact[]): Promise<S> => {
    const store = await create();
    await read(store, recordsOf(...facts));
    return store;
  };
  const taken = (claimed: Claimed): { eventId: string; timestamp: string } => {
    if (claimed.kind !== 'taken') throw new Error(`not taken: ${JSON.stringify(claimed)}`);
    return { eventId: claimed.eventId, timestamp: claimed.timestamp };
  };
  const listed = async (store: OrderStore, after?: Place): Promise<string[]> => {
    const ids: string[] = [];
    for await (const part of store.newestFirst(after)) ids.push(...part.map(({ orderId }) => orderId));
    return ids;
  };
  const counted = async (store: OrderStore): Promise<number[]> => {
    const { pending, completed, failed: lost } = await store.counts();
    return [pending, completed, lost];
  };

  describe(`${name}: an id is claimed`, () => {
    test('When it is new, then it is taken, and nothing of it is shown', async () => {
      const store = await create();
      expect(await store.claim(a, textOf(a))).toEqual({
        kind: 'taken',
        eventId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      });
      expect([await store.get(a), await listed(store), await counted(store)]).toEqual([undefined, [], [0, 0, 0]]);
    });

    test('When it is taken for the same order, then every claim gives the same event', async () => {
      const store = await create();
      const first = await store.claim(a, textOf(a));
      expect([await store.claim(a, textOf(a)), await store.claim(a, textOf(a))]).toEqual([first, first]);
    });

    test('When it is taken for another order, then it is a conflict, again and again, and the first still has it', async () => {
      const store = await create();
      const first = await store.claim(a, textOf(a));
      for (let i = 0; i < 2; i += 1) expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'conflict' });
      expect(await store.claim(a, textOf(a))).toEqual(first);
    });

    test('When two orders claim it at once, then one of them has it', async () => {
      const store = await create();
      const answers = await Promise.all([1, 2, 3].map((amount) => store.claim(a, textOf(a, amount))));
      expect(answers.map(({ kind }) => kind).sort()).toEqual(['conflict', 'conflict', 'taken']);
    });

    test('When many ids are claimed at once, then each has an event of its own', async () => {
      const store = await create();
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => store.claim(orderIdOf(i), textOf(orderIdOf(i)))));
      expect(new Set(answers.map((answer) => taken(answer).eventId)).size).toBe(50);
    });

    test.each([
      ['pending', [created(a)]], ['completed', [created(a), paid(a)]], ['failed', [created(a), failed(a)]], ['failed', [failed(a)]],
    ] as const)('When its order is shown as %s, then that is the answer, and another order is a conflict', async (status, facts) => {
      const store = await told(...facts);
      expect(await store.claim(a, textOf(a))).toEqual({ kind: 'known', status });
      expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'conflict' });
    });

    test('When only a payment of it is known, then it is taken', async () => {
      const store = await told(paid(a));
      expect(await store.claim(a, textOf(a))).toMatchObject({ kind: 'taken' });
    });
  });

  describe(`${name}: a claimed event is acknowledged`, () => {
    test('When it is, then the order is shown as it will be by the log', async () => {
      const store = await create();
      const { timestamp } = taken(await store.claim(a, textOf(a)));
      const entry = { order: { text: textOf(a), createdAt: timestamp, source: 'log', position: at(7, 2) } };
      expect(await store.acknowledge(a, at(7, 2))).toEqual(entry);
      expect(await store.get(a)).toEqual(entry);
      expect([await listed(store), await counted(store)]).toEqual([[a], [1, 0, 0]]);
      expect(await store.claim(a, textOf(a))).toEqual({ kind: 'known', status: 'pending' });
      expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'conflict' });
    });

    test('When its payment was read before, then it is completed', async () => {
      const store = await create();
      await store.claim(a, textOf(a));
      await read(store, recordsOf(paid(a)));
      expect(statusOf((await store.acknowledge(a, at(0)))!)).toBe('completed');
      expect([await listed(store), await counted(store)]).toEqual([[a], [0, 1, 0]]);
    });

    test('When its record was read before, then nothing changes', async () => {
      const store = await create();
      const { timestamp } = taken(await store.claim(a, textOf(a)));
      await read(store, [{ fact: created(a, { createdAt: timestamp }), position: at(7) }]);
      const before = await store.get(a);
      expect(await store.acknowledge(a, at(7))).toEqual(before);
      expect([await store.get(a), await listed(store), await counted(store)]).toEqual([before, [a], [1, 0, 0]]);
    });

    test('When its record is read afterwards, then nothing changes', async () => {
      const store = await create();
      const { timestamp } = taken(await store.claim(a, textOf(a)));
      const shown = await store.acknowledge(a, at(7));
      await read(store, [{ fact: created(a, { createdAt: timestamp }), position: at(7) }]);
      expect([await store.get(a), await listed(store), await counted(store)]).toEqual([shown, [a], [1, 0, 0]]);
    });

    test('When another order was read under its id, then that one stands, and is told', async () => {
      const store = await create();
      await store.claim(a, textOf(a));
      await read(store, [{ fact: created(a, { order: textOf(a, 1) }), position: at(6) }]);
      expect(await store.acknowledge(a, at(7))).toMatchObject({ order: { text: textOf(a, 1), position: at(6) } });
      expect(await store.claim(a, textOf(a))).toEqual({ kind: 'conflict' });
      expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'known', status: 'pending' });
    });

    test('When another order lies before it in the log and is read afterwards, then that one stands', async () => {
      const store = await create();
      const { timestamp } = taken(await store.claim(a, textOf(a)));
      await store.acknowledge(a, at(7));
      const another = created(a, { order: textOf(a, 1) });
      await read(store, [{ fact: another, position: at(6) }, { fact: created(a, { createdAt: timestamp }), position: at(7) }]);
      expect(await store.get(a)).toEqual({ order: { text: textOf(a, 1), createdAt: another.createdAt, source: 'log', position: at(6) } });
    });
  });

  describe(`${name}: a claim is released`, () => {
    test('When it was the only try, then the id is free for any order', async () => {
      const store = await create();
      const { eventId } = taken(await store.claim(a, textOf(a)));
      await store.release(a);
      expect(taken(await store.claim(a, textOf(a, 1))).eventId).not.toBe(eventId);
    });

    test('When another try may have left the event, then the id stays taken for the same event, until that one is released too', async () => {
      const store = await create();
      const first = await store.claim(a, textOf(a));
      await store.claim(a, textOf(a));
      await store.release(a);
      expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'conflict' });
      expect(await store.claim(a, textOf(a))).toEqual(first);
      await store.release(a);
      await store.release(a);
      expect(await store.claim(a, textOf(a, 1))).toMatchObject({ kind: 'taken' });
    });

    test('When its order is shown, or nothing is known of it, then nothing happens', async () => {
      const store = await create();
      await store.claim(a, textOf(a));
      await store.acknowledge(a, at(1));
      await store.release(a);
      await store.release(b);
      expect([await store.get(b), await listed(store)]).toEqual([undefined, [a]]);
    });
  });

  if (isBounded) {
    describe(`${name}: more ids are claimed than may be`, () => {
      const oldestAt = async (store: OrderStore): Promise<ClaimsFullError['oldest']> => {
        const error: unknown = await store.claim(c, textOf(c)).catch((reason: unknown) => reason);
        if (!(error instanceof ClaimsFullError)) throw new Error(`not full: ${JSON.stringify(error)}`);
        return error.oldest;
      };

      test.each([['ids', { claimsMax: 2 }], ['bytes', { claimsMaxBytes: 2 * textOf(a).length }]])(
        'When the %s are too many, then there are no new ones, and the one that was tried longest ago is told', async (_what, bounds) => {
          const store = await create(bounds);
          const [first, second] = [taken(await store.claim(a, textOf(a))), taken(await store.claim(b, textOf(b)))];
          expect(await oldestAt(store)).toEqual({ orderId: a, text: textOf(a), ...first });
          expect(taken(await store.claim(a, textOf(a)))).toEqual(first);
          expect(await oldestAt(store)).toEqual({ orderId: b, text: textOf(b), ...second });
          expect(await store.claim(a, textOf(a, 1))).toEqual({ kind: 'conflict' });
        });

      test.each<[string, (store: S) => Promise<unknown>]>([
        ['is acknowledged', (store) => store.acknowledge(a, at(1))],
        ['is released', (store) => store.release(a)],
        ['is met in the log', (store) => read(store, recordsOf(created(a)))],
      ])('When one of them %s, then there is room again', async (_what, settle) => {
        const store = await create({ claimsMax: 2 });
        await store.claim(a, textOf(a));
        await store.claim(b, textOf(b));
        await settle(store);
        expect(await store.claim(c, textOf(c))).toMatchObject({ kind: 'taken' });
      });
    });
  }

  describe(`${name}: the log is read`, () => {
    const odd = 'caf\u{e9} \u{1f600} \u0000 " \\ \ud800 \u2028';
    const oddOrder = (differences = {}) => created(a, {
      order: canonicalText(anOrder({ orderId: a, userId: odd, items: [{ productId: odd, quantity: 1, price: 1e-7 }] })), ...differences,
    });

    test('When texts hold anything that JSON can, and times are written in any way, then they are kept to the letter', async () => {
      const createdAt = '2026-11-22t12:30:00.123456789+02:30';
      const failure = { type: odd, message: odd, failedAt: '2016-12-31T23:59:60Z', retryCount: 3 };
      const store = await told(oddOrder({ createdAt }), failed(a, failure), paid(b, { at: '2026-11-22T10:00Z' }), created(b));
      expect(await store.get(a)).toEqual({
        order: { text: oddOrder().order, createdAt, source: 'log', position: at(0) }, failure: { ...failure, position: at(1) },
      });
      expect((await store.get(b))?.payment).toEqual({ paymentId: paid().paymentId, at: '2026-11-22T10:00Z', position: at(2) });
    });

    test('When offsets pass 2^53, then they are told as they are, and compared as numbers', async () => {
      const store = await create();
      await read(store, [{ fact: paid(a), position: at(9) }]);
      await read(store, [{ fact: created(a), position: { partition: 0, offset: '9007199254740993' } }]);
      await read(store, [{ fact: created(a, { order: textOf(a, 1) }), position: { partition: 0, offset: '9007199254740995' } }]);
      expect((await store.get(a))?.order).toMatchObject({ text: textOf(a), position: { partition: 0, offset: '9007199254740993' } });
    });

    test('When several are asked for, then those that are known are told', async () => {
      const store = await told(created(a), paid(b), created(c));
      const entries = await store.getMany([a, orderIdOf(9), b]);
      expect([...entries.keys()].sort()).toEqual([a, b]);
      expect(entries.get(a)).toEqual(await store.get(a));
      expect(await store.getMany([])).toEqual(new Map());
    });

    test('When orders change, then those that are shown are counted by status', async () => {
      const store = await create();
      const after = async (...facts: OrderFact[]): Promise<number[]> => {
        await read(store, recordsOf(...facts));
        return counted(store);
      };
      expect(await after(paid(a))).toEqual([0, 0, 0]);
      expect(await after(created(a), created(b), created(c))).toEqual([2, 1, 0]);
      expect(await after(failed(c))).toEqual([1, 1, 1]);
      await read(store, [5, 6].map((offset) => ({ fact: paid(c), position: at(offset) })));
      expect(await counted(store)).toEqual([1, 2, 0]);
    });

    const another = { order: textOf(a, 1), createdAt: '2026-11-22T11:00:00.000Z' };
    const later = { paymentId: '22222222-2222-5222-8222-222222222222', at: '2026-11-22T11:00:00.000Z' };
    const histories: [string, OrderFact[][]][] = [
      ['that was paid', [[created(a)], [], [paid(a)]]],
      ['that failed and was paid', [[created(a), created(a)], [failed(a)], [paid(a)]]],
      ['with two failures and two payments', [[created(a)], [failed(a), failed(a, { retryCount: 3 })], [paid(a), paid(a, later)]]],
      ['with a redrive that failed again', [[created(a), created(a, { attempts: 2 })], [failed(a), failed(a, { message: 'again' }, 2)], []]],
      ['with another order under its id', [[created(a), created(a, another)], [{ ...failed(a), ...another }], [paid(a)]]],
      ['of which only dead letters are left', [[], [failed(a), { ...failed(a, { message: 'again' }, 3), ...another }], []]],
    ];

    test.each(histories)('When the records of an order %s come in any order across partitions, then what is known is the same', async (_what, topics) => {
      const random = createRandom(histories.findIndex(([what]) => what === _what) + 1);
      // As after partitions were added: one order in two partitions of a topic.
      const partitions = (spread: boolean): TestRecord[][] => topics.flatMap((facts) => {
        const records = facts.map((fact, i) => ({ fact, position: at(i, spread ? i % 2 : 0) }));
        return [0, 1].map((partition) => records.filter(({ position }) => position.partition === partition));
      });
      for (const spread of [false, true]) {
        const known = new Set<string>();
        for (let round = 0; round < 12; round += 1) {
          const store = await create();
          for (const record of merged(partitions(spread), random)) await read(store, [record]);
          known.add(JSON.stringify([await store.get(a), await listed(store), await counted(store)]));
        }
        expect(known.size).toBe(1);
      }
    });

    test('When records of many orders come in one go or one by one, then what is known is the same', async () => {
      const facts = Array.from({ length: 30 }, (_, i) => orderIdOf(i))
        .flatMap((id, i): OrderFact[] => [created(id), ...(i % 3 === 0 ? [failed(id)] : []), ...(i % 2 === 0 ? [paid(id)] : [])]);
      const [whole, single] = [await told(...facts), await create()];
      for (const record of recordsOf(...facts)) await read(single, [record]);
      const known = async (store: OrderStore): Promise<[string, OrderEntry][]> =>
        [...await store.getMany(facts.map(({ orderId }) => orderId))].sort(([one], [other]) => (one < other ? -1 : 1));
      expect(await known(single)).toEqual(await known(whole));
      expect(await counted(single)).toEqual(await counted(whole));
      expect(await listed(single)).toEqual(await listed(whole));
    });
  });

  describe(`${name}: the list`, () => {
    const placed = (number: number, createdAt = new Date(Date.UTC(2026, 10, 22) + number * 1_000).toISOString()) =>
      created(orderIdOf(number), { createdAt });

    test('When orders come in any order, then the newest instant is first, whatever its offset', async () => {
      const store = await told(placed(2), placed(1), placed(5, '2026-11-21T22:00:00.500-02:00'), placed(3));
      expect(await listed(store)).toEqual([3, 2, 1, 5].map(orderIdOf));
    });

    test('When orders have one instant, then the highest id is first', async () => {
      const store = await told(...[1, 3, 2].map((number) => created(orderIdOf(number))));
      expect(await listed(store)).toEqual([3, 2, 1].map(orderIdOf));
    });

    test('When the log says that an order is of another time than its dead letter did, then it is listed there, once', async () => {
      expect(await listed(await told(placed(1), failed(orderIdOf(2)), placed(2)))).toEqual([2, 1].map(orderIdOf));
    });

    test('When only a payment of an order is known, or it is only claimed, then it is not listed', async () => {
      const store = await told(paid(a));
      await store.claim(b, textOf(b));
      expect(await listed(store)).toEqual([]);
    });

    test('When it is read on from a place, of an order that is there or not, then what follows is listed', async () => {
      const store = await told(...[1, 2, 4].map((number) => placed(number)));
      const place = (number: number): Place => ({ time: Date.UTC(2026, 10, 22) + number * 1_000, id: orderIdOf(number) });
      expect(await listed(store, place(4))).toEqual([2, 1].map(orderIdOf));
      expect(await listed(store, place(3))).toEqual([2, 1].map(orderIdOf));
      expect(await listed(store, place(9))).toEqual([4, 2, 1].map(orderIdOf));
      expect(await listed(store, { ...place(2), id: orderIdOf(9) })).toEqual([2, 1].map(orderIdOf));
      expect(await listed(store, place(1))).toEqual([]);
    });

    test('When there are many, then they come in bounded parts, each once, also when others come and change meanwhile', async () => {
      const store = await told(...Array.from({ length: 1_200 }, (_, number) => placed(number)));
      const ids: string[] = [];
      let others = 2_000;
      for await (const part of store.newestFirst()) {
        expect(part.length).toBeGreaterThan(0);
        expect(part.length).toBeLessThanOrEqual(1_000);
        ids.push(...part.map(({ orderId }) => orderId));
        await read(store, [{ fact: placed(others += 1), position: at(others) }, { fact: paid(orderIdOf(0)), position: at(others) }]);
      }
      expect(ids).toEqual(Array.from({ length: 1_200 }, (_, i) => orderIdOf(1_199 - i)));
    });

    test('When an order is listed, then with what is known of it', async () => {
      const store = await told(created(a), paid(a));
      for await (const part of store.newestFirst()) expect(part).toEqual([{ orderId: a, entry: await store.get(a) }]);
    });
  });
};
