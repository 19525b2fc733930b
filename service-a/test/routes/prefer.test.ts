import { preferredWait } from '../../src/routes/prefer';

describe('Prefer: wait', () => {
  test.each([
    ['wait=5', 5], ['wait=0', 0], ['wait=30', 30], ['wait=31', 30], [`wait=${'9'.repeat(400)}`, 30], ['Wait=5', 5], ['wait="5"', 5],
    ['  wait = 5 ', 5], ['wait=5; why=patience', 5], ['respond-async, wait=5', 5], ['respond-async;x="a,wait=9", wait=5', 5],
    ['wait=5, wait=9', 5], ['handling="say \\"wait=9, wait=8\\"", wait=5', 5],
  ])('When the header is %s, then that is %i seconds', (header, seconds) => {
    expect(preferredWait(header)).toBe(seconds);
  });

  test.each([
    undefined, '', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=5s', 'wait=5 5', 'wait=x', 'waiting=5', 'x-wait=5', 'x="wait=5', 'x="wait=5\\',
    'respond-async', 'wait=x, wait=5', 'x="a, wait=5"',
  ])('When the header is %s, then there is none', (header) => {
    expect(preferredWait(header)).toBeUndefined();
  });

  test('When the header is long and made of quotes, then it is read in no time', () => {
    const startedAt = performance.now();
    for (const header of ['"\\"'.repeat(5_000), '"'.repeat(15_001), '"\\'.repeat(7_000), ','.repeat(15_000)]) preferredWait(header);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
