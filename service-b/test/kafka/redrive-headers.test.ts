import { letterIdOf, markOf, redriveCountOf, withMark } from '../../src/kafka/redrive-headers';
import { headersOfPairs, pairsOf } from '../support/builders';

describe('count of redrives', () => {
  test.each([['1', 1], ['0', 0], ['1000000', 1_000_000]])('When the header says %s, then it is that', (text, count) => {
    expect(redriveCountOf({ 'redrive-count': Buffer.from(text) })).toBe(count);
  });

  test.each(['', '-1', '1.5', '1e3', '0x1', ' 1', '1000001', '99999999999999999999', 'two', '\u0661'])(
    'When the header says %p, then it counts as 0', (text) => {
      expect(redriveCountOf({ 'redrive-count': Buffer.from(text) })).toBe(0);
    });

  test('When the header is missing, repeated or not text, then it counts as 0', () => {
    expect([
      undefined, {}, { 'redrive-count': [Buffer.from('1'), Buffer.from('2')] }, { 'redrive-count': Buffer.from([0xff]) },
      { 'redrive-count': null }, { 'redrive-count': [null, Buffer.from('1')] }, { 'redrive-count': [] },
    ].map(redriveCountOf)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('12.19 marks', () => {
  const letter = letterIdOf(Buffer.from('a dead letter'));

  test('When a record is put back, then its headers say how often and from which dead letter', () => {
    const headers = withMark({}, { count: 3, of: '2:41', letter });
    expect(pairsOf(headers)).toEqual([['redrive-count', '3'], ['redrive-of', '2:41'], ['redrive-letter', letter]]);
    expect(markOf(headers)).toEqual({ count: 3, of: '2:41', letter });
  });

  test('When it was put back before, then the new mark takes the place of the old one, and the others are as they were', () => {
    const before = headersOfPairs([['a', '1'], ['redrive-of', '0:1'], ['b', null], ['redrive-count', '1'], ['redrive-count', 'x'], ['a', '\xff']]);
    expect(pairsOf(withMark(before, { count: 2, of: '0:2', letter })))
      .toEqual([['a', '1'], ['b', null], ['a', '\xff'], ['redrive-count', '2'], ['redrive-of', '0:2'], ['redrive-letter', letter]]);
  });

  test('When a record was put back by an older version, then its mark names the position alone', () => {
    expect(markOf({ 'redrive-of': Buffer.from('2:41'), 'redrive-count': Buffer.from('1') })).toEqual({ count: 1, of: '2:41', letter: undefined });
  });

  test('When a record was not put back, or its headers are of another kind, then it has no mark', () => {
    const values = [null, [], [null], '', Buffer.alloc(0), [Buffer.from('2:41'), Buffer.from('2:42')]];
    expect([undefined, {}, ...values.map((of) => ({ 'redrive-of': of }))].map(markOf)).toEqual(Array(2 + values.length).fill(undefined));
    expect(markOf({ 'redrive-of': '2:41', 'redrive-letter': [null], 'redrive-count': null })).toEqual({ count: 0, of: '2:41', letter: undefined });
  });

  test('When two dead letters differ, then so do their ids, and a record without a value has one too', () => {
    expect(new Set([letter, letterIdOf(Buffer.from('another')), letterIdOf(null)]).size).toBe(3);
    expect(letter).toMatch(/^[0-9a-f]{32}$/);
  });
});
