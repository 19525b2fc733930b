import { createStore, placeOf, type Store } from '../../board/store.ts';
import { orderIdOf } from '../support/builders';
import { aCompleted, aFailed, aView } from './builders';

const idsOf = (store: Store, filter: Parameters<Store['list']>[0] = 'all'): string[] => store.list(filter).map(({ orderId }) => orderId);

describe('the order of the list', () => {
  test('When orders arrive in any order, then the newest comes first', () => {
    const store = createStore({ max: 10 });
    [3, 1, 2, 5, 4].forEach((second) => store.apply(aView(second, {}, second)));
    expect(idsOf(store)).toEqual([5, 4, 3, 2, 1].map(orderIdOf));
  });

  test('When orders were created in one instant, then the higher id comes first', () => {
    const store = createStore({ max: 10 });
    [2, 9, 4].forEach((number) => store.apply(aView(number)));
    expect(idsOf(store)).toEqual([9, 4, 2].map(orderIdOf));
  });

  test('When a time is told with an offset, then its instant counts', () => {
    const store = createStore({ max: 10 });
    store.apply(aView(1, { createdAt: '2026-11-22T12:00:00.000+02:00' }));
    store.apply(aView(2, { createdAt: '2026-11-22T10:30:00.000Z' }));
    expect(idsOf(store)).toEqual([2, 1].map(orderIdOf));
  });

  test('When the creation of an order turns out to be at another time, then the order moves', () => {
    const store = createStore({ max: 10 });
    [1, 2, 3].forEach((number) => store.apply(aView(number, {}, number)));
    store.apply(aView(1, {}, 9));
    expect(idsOf(store)).toEqual([1, 3, 2].map(orderIdOf));
  });

  test('When a row is looked for, then its place is found, be it there or not', () => {
    const store = createStore({ max: 10 });
    [1, 2, 4].forEach((number) => store.apply(aView(number, {}, number)));
    const rows = store.list('all');
    expect(rows.map((row) => placeOf(rows, row))).toEqual([0, 1, 2]);
    expect(placeOf(rows, { at: Date.parse('2026-11-22T10:00:03.000Z'), orderId: orderIdOf(3) })).toBe(1);
  });
});

describe('the bound', () => {
  test('When more orders come than are held, then the oldest goes', () => {
    const store = createStore({ max: 3 });
    [1, 2, 3, 4].forEach((number) => store.apply(aView(number, {}, number)));
    expect(idsOf(store)).toEqual([4, 3, 2].map(orderIdOf));
    expect(store.get(orderIdOf(1))).toBeUndefined();
  });

  test('When an order older than those held is told of, then it is not held, and that it finished is told all the same', () => {
    const store = createStore({ max: 2 });
    [2, 3].forEach((number) => store.apply(aView(number, {}, number)));
    expect(store.apply(aCompleted(1))).toBe(true);
    expect(idsOf(store)).toEqual([3, 2].map(orderIdOf));
  });
});

describe('events and pages', () => {
  test('When an event came after the page was asked for, then the event stands', () => {
    const store = createStore({ max: 10 });
    const asked = store.mark();
    store.apply(aCompleted(1));
    store.merge([aView(1)], asked);
    expect(store.get(orderIdOf(1))?.order.status).toBe('completed');
  });

  test('When an event came before the page was asked for, then the page stands', () => {
    const store = createStore({ max: 10 });
    store.apply(aView(1));
    store.merge([aCompleted(1)], store.mark());
    expect(store.get(orderIdOf(1))?.order.status).toBe('completed');
  });

  test('When two pages tell of one order, then the later one stands, and an event after the first outlives both', () => {
    const store = createStore({ max: 10 });
    const first = store.mark();
    store.merge([aView(1), aView(2)], first);
    const second = store.mark();
    store.apply(aCompleted(2));
    store.merge([aCompleted(1), aView(2)], second);
    expect(store.list('completed')).toHaveLength(2);
  });

  test('When the whole list was read, then what was neither in it nor told of meanwhile goes', () => {
    const store = createStore({ max: 10 });
    [1, 2, 3].forEach((number) => store.apply(aView(number)));
    const started = store.mark();
    store.apply(aView(1));
    store.merge([aView(3)], store.mark());
    store.sweep(started);
    expect(idsOf(store)).toEqual([3, 1].map(orderIdOf));
    expect(store.get(orderIdOf(2))).toBeUndefined();
  });
});

describe('what has finished', () => {
  test('When an order becomes completed or failed, then that is told once', () => {
    const store = createStore({ max: 10 });
    expect([aView(1), aCompleted(1), aCompleted(1)].map(store.apply)).toEqual([false, true, false]);
    expect([aFailed(2), aFailed(2)].map(store.apply)).toEqual([true, false]);
  });

  test('When a redriven order fails again, then it has finished again', () => {
    const store = createStore({ max: 10 });
    store.apply(aFailed(1));
    expect(store.apply(aFailed(1, { failedAt: '2026-11-22T11:00:00.000Z' }, { attempts: 2 }))).toBe(true);
  });

  test('When an order is completed, then the time that took is known', () => {
    const store = createStore({ max: 10 });
    store.apply(aCompleted(1));
    store.apply(aFailed(2));
    expect(store.list('all').map(({ took }) => took)).toEqual([undefined, 2_000]);
  });

  test('When a failure gives way to another or to a payment, then it is kept as past', () => {
    const store = createStore({ max: 10 });
    store.apply(aFailed(1, { message: 'first' }));
    store.apply(aFailed(1, { message: 'first' }));
    store.apply(aFailed(1, { message: 'second', failedAt: '2026-11-22T11:00:00.000Z' }));
    store.apply(aCompleted(1));
    store.apply(aCompleted(1));
    expect(store.get(orderIdOf(1))?.past.map(({ message }) => message)).toEqual(['first', 'second']);
  });
});

describe('the filter', () => {
  test('When one state is asked for, then its orders are listed alone', () => {
    const store = createStore({ max: 10 });
    [aView(1), aCompleted(2), aFailed(3), aCompleted(4)].forEach(store.apply);
    expect(idsOf(store, 'completed')).toEqual([4, 2].map(orderIdOf));
    expect(idsOf(store, 'failed')).toEqual([3].map(orderIdOf));
    expect(idsOf(store, 'pending')).toEqual([1].map(orderIdOf));
  });

  test('When nothing has changed, then the list is the same one', () => {
    const store = createStore({ max: 10 });
    store.apply(aView(1));
    const before = store.list('all');
    expect(store.list('all')).toBe(before);
    store.apply(aCompleted(1));
    expect(store.list('all')).not.toBe(before);
  });
});
