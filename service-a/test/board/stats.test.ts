import { createRate, percentile, spread } from '../../board/stats.ts';

describe('percentiles', () => {
  test.each([[0.5, 50], [0.95, 95], [1, 100], [0, 1]])('When the share is %d of 1 to 100, then the value is %d', (share, value) => {
    expect(percentile(Array.from({ length: 100 }, (_, i) => i + 1), share)).toBe(value);
  });

  test('When values come unsorted, then they are sorted as numbers', () => {
    expect(spread([900, 20, 1_000])).toEqual({ median: 900, p95: 1_000 });
  });

  test('When there is nothing yet, then there is no value', () => {
    expect(spread([])).toEqual({ median: undefined, p95: undefined });
  });
});

describe('the rate', () => {
  test('When ten things happen in a second, then that is two a second over five', () => {
    const rate = createRate(5_000);
    for (let i = 0; i < 10; i += 1) rate.add(10_000 + i * 50);
    expect(rate.perSecond(11_000)).toBe(2);
  });

  test('When the window has passed, then the rate is 0', () => {
    const rate = createRate(5_000);
    rate.add(10_000);
    expect([rate.perSecond(14_900), rate.perSecond(15_000)]).toEqual([0.2, 0]);
  });
});
