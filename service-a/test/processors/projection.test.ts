import { canonicalText, type OrderFact } from '../../src/kafka/messages';
import { applyFact, createProjection, viewOf, type OrderEntry, type OrderView } from '../../src/processors/projection';
import { aFailure, anOrder, created, failed, orderIdOf, paid } from '../support/builders';

const viewAfter = (facts: OrderFact[]): OrderView | undefined =>
  viewOf(facts.reduce<OrderEntry>((entry, fact) => applyFact(entry, fact), {}));

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
    expect(viewAfter([created()])).toEqual({ ...anOrder(), ...dates, status: 'pending', updatedAt: dates.createdAt });
  });

  test('When it was paid, then it is completed, and shows the payment and its time', () => {
    expect(viewAfter([created(), paid()])).toEqual({
      ...anOrder(), ...dates, status: 'completed', updatedAt: '2026-11-22T10:00:02.000Z', paymentId: '11111111-1111-5111-8111-111111111111',
    });
  });

  test('When it was dead-lettered, then it is failed, and shows why', () => {
    expect(viewAfter([created(), failed()])).toEqual({
      ...anOrder(), ...dates, status: 'failed', updatedAt: '2026-11-22T10:00:01.000Z', failure: aFailure(),
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

describe('fold', () => {
  const topics: [what: string, facts: OrderFact[][]][] = [
    ['an order that failed and was paid', [[created(), created()], [paid()], [failed()]]],
    ['two failures and two payments', [[created()], [paid(), paid(undefined, later)], [failed(), failed(undefined, { retryCount: 3 })]]],
    ['two failures', [[created(), created()], [], [failed(), failed(undefined, { retryCount: 3 })]]],
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
    expect(viewOf(entry)).toEqual(viewAfter([first]));
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
    expect(held(projectionOf(3, [created(a), created(b), created(c), paid(c), failed(b), created(d)]))).toEqual([a, b, d]);
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
    const statuses = all.slice(20).map((id) => viewOf(projection.get(id) ?? {})?.status);
    expect(statuses).toEqual(Array(10).fill('completed'));
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
