import { isCounts, isOrder, isResumed } from '../../board/order.ts';
import { aCompleted, aFailed, aView } from './builders';

test.each([aView(), aCompleted(), aFailed()])('When an order is $status, then it is one', (order) => {
  expect(isOrder({ ...order, newerField: true })).toBe(true);
});

test.each([
  ['nothing', null],
  ['a state that is not known', { ...aView(), status: 'lost' }],
  ['a time that is none', { ...aView(), createdAt: 'yesterday' }],
  ['an amount that is a text', { ...aView(), amount: '99.99' }],
  ['a failure without a reason', { ...aView(), failure: {} }],
])('When it is %s, then it is no order', (_what, value) => {
  expect(isOrder(value)).toBe(false);
});

test('When a state is not counted, then it is no count', () => {
  expect([isCounts({ pending: 1, completed: 2, failed: 3 }), isCounts({ pending: 1 })]).toEqual([true, false]);
});

test('When the stream does not say that it was resumed, then changes may have been missed', () => {
  expect([{ resumed: true }, { resumed: false }, {}, undefined].map(isResumed)).toEqual([true, false, false, false]);
});
