import { detailOf, isLetter, isTypeCount, markOf, stateText, typeText } from '../../page/letter.ts';
import { aLetter } from './builders';

test.each([aLetter(), aLetter(1, { orderId: null, errorType: null, state: 'failedAgain' })])('When it is %j, then it is a letter', (letter) => {
  expect(isLetter({ ...letter, newer: 1 })).toBe(true);
});

test.each([null, {}, { ...aLetter(), state: 'toString' }, { ...aLetter(), failedAt: 'then' }, { ...aLetter(), retryCount: '1' }])(
  'When it is %j, then it is no letter', (value) => {
    expect(isLetter(value)).toBe(false);
  });

test('When a type is not counted, then it is no count', () => {
  expect([isTypeCount({ errorType: null, count: 1, putBack: 0, paid: 0 }), isTypeCount({ errorType: 'A', count: 1 })]).toEqual([true, false]);
});

test('When a letter comes in full, then all of it is read, and what is no header is left out', () => {
  const value = { encoding: 'json', text: '{"a":1}', pretty: '{\n  "a": 1\n}', bytes: 7, cut: true };
  const answer = {
    ...aLetter(), originalTopic: 'orders', originalPartition: 2, originalOffset: '41', value, headers: [['a', 'b'], ['c', null], ['d'], 7],
    errorStack: 'at', traceId: 'abc', boardUrl: 'http://localhost:3001/#x', traceUrl: 'https://traces/abc',
  };
  expect(detailOf(answer)).toEqual({ ...answer, headers: [['a', 'b'], ['c', null]] });
});

test('When parts of a letter are not told, then they are empty, and what leads elsewhere than to a page is no link', () => {
  expect(detailOf({ ...aLetter(), boardUrl: 'javascript:alert(1)', traceUrl: 7 })).toEqual({
    ...aLetter(), originalTopic: null, originalPartition: null, originalOffset: null,
    value: { encoding: 'none', text: '', pretty: null, bytes: 0, cut: false }, headers: [], errorStack: null, traceId: null,
    boardUrl: undefined, traceUrl: undefined,
  });
  expect(detailOf({})).toBeUndefined();
});

test('When a state is shown, then it has a word and a mark', () => {
  expect((['open', 'putBack', 'paid', 'failedAgain'] as const).map((state) => [stateText(state), markOf(state)])).toEqual([
    ['open', 'failed'], ['put back', 'pending'], ['paid', 'completed'], ['failed again', 'failed'],
  ]);
  expect(typeText(null)).toBe('unreadable');
});
