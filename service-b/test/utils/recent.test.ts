import { createRecent } from '../../src/utils/recent';

test('When things happen, then those of the last five minutes are counted', () => {
  let now = 1_000_000_000;
  const recent = createRecent(['a', 'b'], () => now);
  recent.count('a');
  now += 60_000;
  recent.count('a');
  recent.count('b');
  expect(recent.counts()).toEqual({ a: 2, b: 1 });
  now += 245_000;
  expect(recent.counts()).toEqual({ a: 1, b: 1 });
  now += 3_600_000;
  expect(recent.counts()).toEqual({ a: 0, b: 0 });
});
