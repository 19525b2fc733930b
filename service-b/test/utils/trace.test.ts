import { traceIdOf } from '../../src/utils/trace';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('traceIdOf', () => {
  const valid = [`00-${trace}-00f067aa0ba902b7-01`, Buffer.from(`00-${trace}-00f067aa0ba902b7-00`)];

  test.each(valid)('When %s is given, then it has the trace id', (value) => {
    expect(traceIdOf(value)).toBe(trace);
  });

  test.each([
    undefined, '', trace, `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`, `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${trace}-${'0'.repeat(16)}-01`, `01-${trace}-00f067aa0ba902b7-01`, `00-${trace}-00f067aa0ba902b7-01-more`,
  ])('When %p is given, then there is none', (value) => {
    expect(traceIdOf(value)).toBeUndefined();
  });

  test('When a header comes more than once, then there is none', () => {
    expect(traceIdOf([`00-${trace}-00f067aa0ba902b7-01`])).toBeUndefined();
  });
});
