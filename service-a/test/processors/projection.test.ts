import { canonicalText, type OrderFact } from '../../src/kafka/messages';
import { applyFact, createProjection, type OrderEntry } from '../../src/processors/projection';
import { aFailure, anOrder, created, failed, orderIdOf, paid, shown, type OrderView } from '../support/builders';

const viewAfter = (facts: OrderFact[]): OrderView | undefined =>
  shown(facts.reduce<OrderEntry>((entry, fact) => applyFact(entry, fact), {}));

/** Every way to merge lists that keeps the order within each. */
const interleavings = <T>(lists: T[][]): T[][] => {
  const open = lists.filter((list) => list.length > 0);
  if (open.length === 0) return [[]];
  return open.flatMap((list) => interleavings(open.map((other) => (other === list ? other.slice(1) : other)))
    .map((rest) => [list[0]!, ...rest]));
};

const another = canonicalText(anOrder({ amount: 1 }));
const later = { paymentId: '22222222-2222-5222-8222-222222222222', at: '2026-11-22T11:00:00.000Z' };

describe('what is shown of an order', () => {
  const dates = { createdAt: '2026-11-22T10:00:00.000Z' };

  test('When only the order is known, then it is pending', () => {
    expect(viewAfter([created()])).toEqual({ ...anOrder(), ...dates, status: 'pending', updatedAt: dates.createdAt, attempts: 1 });
  });

  test('When it was paid, then it is completed, and shows the payment and its time', () => {
    expect(viewAfter([created(), paid()])).toEqual({
      ...anOrder(), ...dates, status: 'completed', updatedAt: '2026-11-22T10:00:02.000Z', attempts: 1,
      paymentId: '11111111-1111-5111-8111-111111111111',
    });
  });

  test('When it was dead-lettered, then it is failed, and shows why', () => {
    expect(viewAfter([created(), failed()])).toEqual({
      ...anOrder(), ...dates, status: 'failed', updatedAt: '2026-11-22T10:00:01.000Z', attempts: 1, failure: aFailure(),
    });
  });

  test('When only its dead letter is known, then the order in it is shown', () => {
    expect(viewAfter([failed()])).toEqual(viewAfter([created(), failed()]));
  });

  test('When only its payment is known, then there is nothing to show', () => {
    expect(viewAfter([paid()])).toBeUndefined();
  });
});

describe('status', () => {
  test('When a failed order is paid after a redrive, then it is completed and its failure is not shown', () => {
    expect(viewAfter([created(), failed(), created(), paid()])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a completed order is dead-lettered, then it stays completed', () => {
    expect(viewAfter([created(), paid(), failed()])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a second payment comes, then the first one stands', () => {
    expect(viewAfter([created(), paid(), paid(undefined, later)])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a redrive fails again, then the last failure is shown', () => {
    expect(viewAfter([created(), failed(), failed(undefined, { retryCount: 3 })])).toMatchObject({ failure: { retryCount: 3 } });
  });
});

describe('attempts', () => {
  test('When an order was redriven, then the highest count of its records is shown, whichever comes first', () => {
    const redriven = [created(undefined, { attempts: 2 }), failed(undefined, {}, 2), created(undefined, { attempts: 3 }), paid()];
    const facts = [created(), failed(), ...redriven];
    expect(viewAfter(facts)).toMatchObject({ status: 'completed', attempts: 3 });
    expect(viewAfter(facts.toReversed())).toMatchObject({ status: 'completed', attempts: 3 });
  });

  test('When a failed order is put up for payment again, then it stays failed and its attempts show it', () => {
    expect(viewAfter([created(), failed(), created(undefined, { attempts: 2 })])).toMatchObject({ status: 'failed', attempts: 2 });
  });

  test('When they are not known to be more than one, then nothing is held for them', () => {
    expect([created(), failed(), paid()].reduce<OrderEntry>((entry, fact) => applyFact(entry, fact), {})).not.toHaveProperty('attempts');
  });
});

describe('fold', () => {
  const topics: [what: string, facts: OrderFact[][]][] = [
    ['an order that failed and was paid', [[created(), created()], [paid()], [failed()]]],
    ['two failures and two payments', [[created()], [paid(), paid(undefined, later)], [failed(), failed(undefined, { retryCount: 3 })]]],
    ['two failures', [[created(), created()], [], [failed(), failed(undefined, { retryCount: 3 })]]],
    ['a redrive that failed again', [[created(), created(undefined, { attempts: 2 })], [], [failed(), failed(undefined, {}, 2)]]],
    ['a redrive that was paid', [[created(), created(undefined, { attempts: 2 })], [paid()], [failed()]]],
    ['another order under the id', [
      [created(), created(undefined, { order: another, createdAt: later.at })],
      [paid()],
      [{ ...failed(), order: another, createdAt: later.at }],
    ]],
    ['another order under the id, whose dead letter came', [
      [created(), created(undefined, { order: another, createdAt: later.at })],
      [],
      [{ ...failed(), order: another, createdAt: later.at }],
    ]],
  ];

  test.each(topics)('When the topics with %s are read in any interleaving, then the result is the same', (_what, lists) => {
    const views = new Set(interleavings(lists).map((facts) => JSON.stringify(viewAfter(facts))));
    expect(views.size).toBe(1);
  });

  test.each(topics)('When each record of %s comes twice, then the result is the same', (_what, lists) => {
    const facts = lists.flat();
    expect(viewAfter(facts.flatMap((fact) => [fact, fact]))).toEqual(viewAfter(facts));
  });

  test('When the order was shown at its acknowledgement, then the log has the last word', () => {
    const first = created(undefined, { order: another, createdAt: '2026-11-22T09:00:00.000Z' });
    const entry = applyFact(applyFact({}, created(), 'broker-ack'), first);
    expect(shown(entry)).toEqual(viewAfter([first]));
    expect(applyFact(entry, created(), 'broker-ack')).toBe(entry);
  });
});

describe('memory', () => {
  const ids = [1, 2, 3, 4].map(orderIdOf) as [string, string, string, string];
  const held = (projection: ReturnType<typeof createProjection>): string[] => ids.filter((id) => projection.get(id) !== undefined);
  const projectionOf = (max: number, facts: OrderFact[]) => {
    const projection = createProjection({ max });
    for (const fact of facts) projection.apply(fact);
    return projection;
  };

  test('When there are more orders than may be held, then the one that finished first goes first', () => {
    const [a, b, c, d] = ids;
    const outcomes = [failed(b), paid(c)];
    for (const read of [outcomes, outcomes.toReversed()]) {
      expect(held(projectionOf(3, [created(a), created(b), created(c), ...read, created(d)]))).toEqual([a, c, d]);
    }
  });

  test('When none is finished, then the oldest goes', () => {
    const [a, b, c] = ids;
    expect(held(projectionOf(2, [created(a), created(b), created(c)]))).toEqual([b, c]);
  });

  test('When an order that was evicted comes again as pending, then it is not taken for a finished one', () => {
    const [a, b, c] = ids;
    const facts = [created(a), failed(a), paid(a), created(b), paid(b), created(c), created(a)];
    expect(held(projectionOf(2, facts))).toEqual([a, c]);
  });

  test('When a log beyond the bound is read, orders first, then the newest orders are held, completed', () => {
    const all = Array.from({ length: 30 }, (_, number) => orderIdOf(number));
    const projection = projectionOf(10, [...all.map((id) => created(id)), ...all.map((id) => paid(id))]);
    const statuses = all.slice(20).map((id) => shown(projection.get(id))?.status);
    expect(statuses).toEqual(Array(10).fill('completed'));
  });

  test('12.13 When orders without an outcome had to go, then their outcomes push out no newer order', () => {
    const [a, b, c, d] = ids;
    const orders = [a, b, c, d].map((id) => created(id));
    const newer = [paid(c), paid(d)];
    const older = [paid(a, { at: later.at }), failed(b, { failedAt: later.at })];
    for (const outcomes of [[...older, ...newer], [...newer, ...older], [newer[0]!, ...older, newer[1]!]]) {
      const projection = projectionOf(2, [...orders, ...outcomes]);
      expect([c, d].map((id) => shown(projection.get(id))?.status)).toEqual(['completed', 'completed']);
    }
  });

  test('12.13 When an order has no outcome while finished ones are held, then it is not the one that goes', () => {
    const [a, b, c, d] = ids;
    expect(held(projectionOf(2, [created(a), created(b), paid(b), created(c), paid(c), created(d), paid(d)]))).toEqual([a, d]);
  });

  test('12.14 When orders take more bytes than they may, then those that finished first go, down to the bound', () => {
    const facts = ids.flatMap((id, i) => {
      const text = canonicalText(anOrder({ orderId: id, items: Array.from({ length: 100 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 })) }));
      return [created(id, { order: text }), paid(id, { at: `2026-11-22T10:00:0${i}.000Z` })];
    });
    const projection = createProjection({ max: 100, maxBytes: 40_000 });
    for (const fact of facts) projection.apply(fact);
    expect(held(projection)).toEqual(ids.slice(2));
    expect(projection.counts()).toEqual({ pending: 0, completed: 2, failed: 0 });
  });

  test('12.14 When the message of a foreign dead letter is as long as all orders may be, then it is not held, and pushes out none', () => {
    const [a, b] = ids;
    const projection = createProjection({ max: 100, maxBytes: 40_000 });
    for (const fact of [created(a), paid(a), failed(b, { message: 'x'.repeat(40_000) })]) projection.apply(fact);
    expect(held(projection)).toEqual([a]);
  });

  test('12.14 When outcomes come without their orders, then few are held', () => {
    const projection = createProjection({ max: 100 });
    const outcomes = Array.from({ length: 1_000 }, (_, number) => (number % 2 === 0 ? paid : failed)(orderIdOf(number)));
    for (const outcome of outcomes) projection.apply(outcome);
    expect(projection.size()).toBe(10);
  });

  test('When a payment is met before its order while as many are held as may be, then both find room', () => {
    const [a, b, c] = ids;
    const projection = projectionOf(2, [created(a), paid(a), created(b), paid(b), paid(c, { at: '2026-11-22T10:00:03.000Z' }), created(c)]);
    expect(held(projection)).toEqual([b, c]);
    expect(projection.counts()).toEqual({ pending: 0, completed: 2, failed: 0 });
  });

  test('When many orders come and go, then no more than the bound are held', () => {
    const projection = createProjection({ max: 10 });
    for (let number = 0; number < 30_000; number += 1) {
      const id = `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`;
      projection.apply(created(id));
      projection.apply(number % 2 === 0 ? paid(id) : failed(id));
    }
    expect(projection.size()).toBe(10);
  });

  test('When a fact changes nothing, then apply says so', () => {
    const projection = projectionOf(3, [created(), paid()]);
    expect([projection.apply(created()), projection.apply(paid())]).toEqual([undefined, undefined]);
  });
});

describe('the list', () => {
  const at = (second: number, differences = {}): ReturnType<typeof created> =>
    created(orderIdOf(second), { createdAt: `2026-11-22T10:00:0${second}.000Z`, ...differences });
  const listed = (projection: ReturnType<typeof createProjection>): string[] => [...projection.newestFirst()];
  const projectionOf = (facts: OrderFact[], max = 100) => {
    const projection = createProjection({ max });
    for (const fact of facts) projection.apply(fact);
    return projection;
  };

  test('When orders come in any order, then the newest instant is first, whatever its offset', () => {
    const earlier = at(5, { createdAt: '2026-11-22T12:30:00.500+02:30' });
    expect(listed(projectionOf([at(2), at(1), earlier, at(3)]))).toEqual([3, 2, 1, 5].map(orderIdOf));
  });

  test('When two have the same instant, then the higher id is first', () => {
    expect(listed(projectionOf([1, 3, 2].map((number) => created(orderIdOf(number)))))).toEqual([3, 2, 1].map(orderIdOf));
  });

  test('When the log says that an order is of another time than its dead letter did, then it is listed there, once', () => {
    const projection = projectionOf([at(1), failed(orderIdOf(2)), at(2)]);
    expect(listed(projection)).toEqual([2, 1].map(orderIdOf));
  });

  test('When orders are evicted, then they are not listed', () => {
    const projection = projectionOf([at(1), at(2), paid(orderIdOf(1)), at(3)], 2);
    expect(listed(projection)).toEqual([3, 2].map(orderIdOf));
  });

  test('When only a payment of an order is known, then it is not listed', () => {
    expect(listed(projectionOf([paid()]))).toEqual([]);
  });
});

describe('counts', () => {
  test('When orders change and are evicted, then those that are shown are counted by status', () => {
    const projection = createProjection({ max: 3 });
    const [a, b, c, d] = [1, 2, 3, 4].map(orderIdOf) as [string, string, string, string];
    const after = (...facts: OrderFact[]): unknown => {
      facts.forEach((fact) => projection.apply(fact));
      return { ...projection.counts() };
    };
    expect(after(paid(a))).toEqual({ pending: 0, completed: 0, failed: 0 });
    expect(after(created(a), created(b), created(c), failed(c))).toEqual({ pending: 1, completed: 1, failed: 1 });
    expect(after(failed(b, { failedAt: '2026-11-22T10:00:01.500Z' }))).toEqual({ pending: 0, completed: 1, failed: 2 });
    expect(after(paid(b), paid(b))).toEqual({ pending: 0, completed: 2, failed: 1 });
    expect(after(created(d))).toEqual({ pending: 1, completed: 2, failed: 0 });
  });
});

describe('changes', () => {
  test('When a fact changes an order, then it is told with its status, and a fact that changes nothing is not', () => {
    const projection = createProjection({ max: 10 });
    const heard: string[] = [];
    projection.onChange((orderId, status) => heard.push(`${orderId.slice(-1)} ${status}`));
    for (const fact of [created(), created(), paid(), paid()]) projection.apply(fact);
    projection.confirm(orderIdOf(0));
    expect(heard).toEqual(['0 pending', '0 completed']);
  });
});
