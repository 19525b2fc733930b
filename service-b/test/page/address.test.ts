import { addressText, changed, filterOf, filterText, isoOfLocal, localOfIso, readAddress, sameFilter } from '../../page/address.ts';

const whole = {
  letter: '2:41', redrive: 'a1b2-c3', type: 'PaymentDeclinedError', order: 'a & b', since: '2026-11-22T10:00:00.000Z', until: '2026-11-23T10:00:00.000Z',
};

test('When an address was written, then it is read as the same', () => {
  expect(readAddress(addressText(whole))).toEqual(whole);
  expect(addressText({ letter: '2:41' })).toBe('#letter=2:41');
  expect(addressText({})).toBe('');
});

test.each(['#letter=2', '#letter=../41', '#redrive=a%2Fb', '#since=tomorrow', '#until=7', '#type=', '#other=1', ''])(
  'When %p makes no sense, then it names nothing', (hash) => {
    expect(readAddress(hash)).toEqual({});
  });

test('When a part is taken away, then the rest stays', () => {
  expect(changed(whole, { letter: undefined, redrive: undefined, since: undefined, until: undefined })).toEqual({ type: 'PaymentDeclinedError', order: 'a & b' });
});

test('When two addresses ask for the same letters, then their filters are the same, whatever else they show', () => {
  expect(sameFilter(filterOf(whole), filterOf({ ...whole, letter: '0:1' }))).toBe(true);
  expect(sameFilter(filterOf(whole), filterOf({ ...whole, type: 'InvalidOrderError' }))).toBe(false);
});

test('When a filter is told in words, then it names each part', () => {
  expect(filterText({})).toBe('All dead letters');
  expect(filterText({ type: 'A', until: '2026-11-22T10:00:00.000Z' })).toBe('Dead letters of type A, failed before 2026-11-22T10:00:00.000Z');
});

test('When a time goes into a field and comes back, then it is the same to the minute', () => {
  expect(isoOfLocal(localOfIso('2026-11-22T10:07:00.000Z'))).toBe('2026-11-22T10:07:00.000Z');
  expect([isoOfLocal(''), isoOfLocal('soon'), localOfIso(undefined)]).toEqual([undefined, undefined, '']);
});
