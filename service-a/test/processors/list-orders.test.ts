import { canonicalText } from '../../src/kafka/messages';
import { listOrders, type Query } from '../../src/processors/list-orders';
import { createProjection } from '../../src/processors/projection';
import { anOrder, created, failed, orderIdOf, paid, type OrderView } from '../support/builders';

type Projection = ReturnType<typeof createProjection>;

const placed = (projection: Projection, number: number, order: Partial<ReturnType<typeof anOrder>> = {}): void => {
  const orderId = orderIdOf(number);
  const createdAt = new Date(Date.UTC(2026, 10, 22) + number * 1_000).toISOString();
  projection.apply(created(orderId, { createdAt, order: canonicalText(anOrder({ orderId, ...order })) }));
};

const projectionOf = (count: number): Projection => {
  const projection = createProjection({ max: 100_000 });
  for (let number = 0; number < count; number += 1) placed(projection, number);
  return projection;
};

const numbers = (orders: string[]): number[] => orders.map((text) => Number((JSON.parse(text) as OrderView).orderId.slice(-4)));

/** The numbers on each page, to the end. */
const pages = (projection: Projection, query: Partial<Query>, between: () => void = () => undefined): number[][] => {
  const seen: number[][] = [];
  let after: Query['after'];
  do {
    const page = listOrders(projection, { limit: 50, ...query, after });
    seen.push(numbers(page.orders));
    after = page.next;
    between();
  } while (after !== undefined);
  return seen;
};

describe('pages', () => {
  test('When there are more orders than fit, then pages go on to the end, the newest first, and the last one says so', () => {
    expect(pages(projectionOf(5), { limit: 2 })).toEqual([[4, 3], [2, 1], [0]]);
    expect(pages(projectionOf(4), { limit: 2 })).toEqual([[3, 2], [1, 0]]);
    expect(pages(projectionOf(0), { limit: 2 })).toEqual([[]]);
  });

  test('When orders are placed between two pages, then none is shown twice or left out', () => {
    const projection = projectionOf(4);
    let number = 4;
    expect(pages(projection, { limit: 2 }, () => placed(projection, number += 1))).toEqual([[3, 2], [1, 0]]);
  });

  test('When the order at which a page ended is gone, then the next one goes on behind its place', () => {
    const projection = createProjection({ max: 4 });
    for (let number = 0; number < 4; number += 1) placed(projection, number);
    projection.apply(paid(orderIdOf(2)));
    expect(pages(projection, { limit: 2 }, () => placed(projection, 9))).toEqual([[3, 2], [1, 0]]);
  });

  test('When a page has shown about a million characters, then it ends, and the next one goes on', () => {
    const projection = createProjection({ max: 100 });
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    for (let number = 0; number < 30; number += 1) placed(projection, number, { items });
    const seen = pages(projection, {});
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.flat()).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i));
  });
});

describe('filters', () => {
  test.each([['pending', [3, 0]], ['completed', [2]], ['failed', [1]]] as const)('When %s ones are asked for, then only they are shown', (status, expected) => {
    const projection = projectionOf(4);
    projection.apply(failed(orderIdOf(1)));
    projection.apply(paid(orderIdOf(2)));
    expect(pages(projection, { status })).toEqual([expected]);
  });

  test.each(['user-1', 'a"b', 'a\\', '\u{1f600}', 'caf\u{e9}', '{"userId":"x"}'])('When the orders of %j are asked for, then exactly they are shown', (userId) => {
    const projection = projectionOf(1);
    placed(projection, 1, { userId });
    placed(projection, 2, { userId: `${userId}0` });
    placed(projection, 3, { userId: userId.slice(1) || 'x' });
    expect(pages(projection, { userId })).toEqual([[1]]);
  });

  test('When few of many orders match, then a page looks at 5,000 of them at most, and the pages find them all', () => {
    const projection = createProjection({ max: 100_000 });
    const uuidOf = (number: number): string => `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`;
    for (let number = 0; number < 12_000; number += 1) projection.apply(created(uuidOf(number)));
    projection.apply(failed(uuidOf(1)));
    projection.apply(failed(uuidOf(11_999)));
    expect(pages(projection, { status: 'failed' })).toEqual([[1_999], [], [1]]);
  });

  test('When the orders that do not match are long, then a page looks at about a million characters of them', () => {
    const projection = createProjection({ max: 100 });
    for (let number = 0; number < 10; number += 1) placed(projection, number, { userId: 'x'.repeat(300_000) });
    projection.apply(failed(orderIdOf(0)));
    expect(pages(projection, { status: 'failed' })).toEqual([[], [], [0]]);
  });
});
