import { redriveCountOf, redriveHeaders, redrivenFrom } from '../../src/kafka/redrive-headers';

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
      { 'redrive-count': null as unknown as Buffer },
    ].map(redriveCountOf)).toEqual([0, 0, 0, 0, 0]);
  });
});

test('When a record is put back, then its headers say how often and from which dead letter', () => {
  const headers = redriveHeaders({ count: 3, of: '2:41' });
  expect(headers).toEqual({ 'redrive-count': '3', 'redrive-of': '2:41' });
  expect(redriveCountOf(headers)).toBe(3);
  expect(redrivenFrom(headers)).toBe('2:41');
});

test('When a record was not put back, then it comes from no dead letter', () => {
  expect([redrivenFrom(undefined), redrivenFrom({}), redrivenFrom({ 'redrive-of': '' })]).toEqual([undefined, undefined, undefined]);
});
