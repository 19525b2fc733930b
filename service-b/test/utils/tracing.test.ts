import { createTracer } from '../../src/utils/tracer';
import { endWith, passOn, traceIdOf, traceOf } from '../../src/utils/tracing';
import { recordingLogger } from '../support/fakes';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;

describe('traceOf', () => {
  test.each([traceparent, Buffer.from(traceparent), `00-${traceId}-00f067aa0ba902b7-00`])('When traceparent is %s, then it is a trace', (value) => {
    expect(traceOf({ traceparent: value })).toEqual({ traceparent: value.toString() });
    expect(traceIdOf(traceOf({ traceparent: value }))).toBe(traceId);
  });

  test.each([
    undefined, '', traceId, `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`, `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`, `${traceparent}-more`, `${traceparent}\n`, `ff-${traceId}-00f067aa0ba902b7-01`,
    `01-${traceId}-00f067aa0ba902b7-01more`, `01-${traceId}-00f067aa0ba902b7-01\n`, `1-${traceId}-00f067aa0ba902b7-01`,
    [traceparent], `${traceparent}, ${traceparent}`,
  ])('When traceparent is %p, then there is no trace', (value) => {
    expect(traceOf({ traceparent: value, tracestate: 'a=b' })).toBeUndefined();
  });

  test.each([
    [`01-${traceId}-00f067aa0ba902b7-01`, '01'], [`01-${traceId}-00f067aa0ba902b7-02`, '00'], [`cc-${traceId}-00f067aa0ba902b7-ff`, '01'],
    [`cc-${traceId}-00f067aa0ba902b7-01-what-the-future-brings`, '01'], [`cc-${traceId}-00f067aa0ba902b7-00-`, '00'],
  ])('When traceparent is of a later version: %s, then it goes on as version 00 with the flags %s', (later, flags) => {
    expect(traceOf({ traceparent: later, tracestate: 'a=b' })).toEqual({ traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}`, tracestate: 'a=b' });
  });

  test('When there are no headers, then there is no trace', () => {
    expect(traceOf(undefined)).toBeUndefined();
    expect(traceIdOf(undefined)).toBeUndefined();
  });

  test.each([
    ['a=b,c@d=e', 'a=b,c@d=e'], [`a=${'b'.repeat(510)}`, `a=${'b'.repeat(510)}`], [`a=${'b'.repeat(511)}`, undefined], ['', undefined],
    ['a=\n', undefined], [undefined, undefined],
  ])('When tracestate is %p, then %p travels', (value, expected) => {
    expect(traceOf({ traceparent, tracestate: value })?.tracestate).toBe(expected);
  });
});

describe('12.1 headers of any content', () => {
  const values = [
    null, undefined, '', 'x', Buffer.alloc(0), Buffer.from([0xff, 0x00]), Buffer.from(traceparent), [], [null], [null, null], [Buffer.from('a'), null],
    [traceparent, traceparent], 'x'.repeat(1_000_000), `01-${traceId}-00f067aa0ba902b7-01-${'x'.repeat(1_000_000)}`,
  ];

  test('When traceparent and tracestate are of any kind, then there is a trace or none, and nothing is thrown', () => {
    const traces = values.flatMap((one) => values.map((other) => traceOf({ traceparent: one, tracestate: other })));
    expect(new Set(traces.map((trace) => trace?.traceparent))).toEqual(new Set([undefined, traceparent]));
  });

  test('When traceparent has no value, then there is no trace', () => {
    expect(traceOf({ traceparent: null })).toBeUndefined();
  });

  test.each([null, [null], [Buffer.from('a=b'), null], Buffer.from([0xff])])('When traceparent is valid and tracestate is %p, then the trace goes on without it', (tracestate) => {
    expect(traceOf({ traceparent: Buffer.from(traceparent), tracestate })).toEqual({ traceparent });
  });
});

describe('no receiver of spans is set', () => {
  test('When a span is begun, then the trace travels on as it is, and nobody asks for attributes', async () => {
    const tracer = await createTracer({ url: undefined, service: 'service-x', logger: recordingLogger().logger });
    expect(tracer).toBe(passOn);
    const parent = { traceparent, tracestate: 'a=b' };
    const attributes = jest.fn(() => ({}));
    const span = tracer.start('server', 'POST /orders', { parent, attributes });
    span.end({}, new Error('x'));
    expect(span.trace).toBe(parent);
    expect(tracer.start('server', 'POST /orders', { parent: undefined, attributes }).trace).toBeUndefined();
    expect(attributes).not.toHaveBeenCalled();
    await tracer.stop();
  });
});

describe('a span that ends with its work', () => {
  const aSpan = () => {
    const end = jest.fn();
    return { trace: undefined, end };
  };

  test('When the work is done, then the span ends with what its result says', async () => {
    const span = aSpan();
    await expect(endWith(span, Promise.resolve(3), (result) => ({ result }))).resolves.toBe(3);
    expect(span.end.mock.calls).toEqual([[{ result: 3 }]]);
  });

  test('When the work fails, then the span ends with the error, and the caller has it too', async () => {
    const span = aSpan();
    const error = new Error('x');
    await expect(endWith(span, Promise.reject(error))).rejects.toBe(error);
    expect(span.end.mock.calls).toEqual([[{}, error]]);
  });

  test('When it is told to nobody, then the work is handed back as it is', () => {
    const work = Promise.resolve(3);
    expect(endWith(passOn.start('producer', 'send', { parent: undefined, attributes: () => ({}) }), work)).toBe(work);
  });
});
