import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { createOtelTracer } from '../../src/utils/otel';
import { traceOf } from '../../src/utils/tracing';
import { recordingLogger } from '../support/fakes';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'a=b' };
const none = (): Record<string, never> => ({});

const aTracer = () => {
  // It would forget them at its shutdown.
  const exporter = Object.assign(new InMemorySpanExporter(), { shutdown: async () => undefined });
  const tracer = createOtelTracer({ service: 'service-x', exporter, logger: recordingLogger().logger });
  return { tracer, exported: () => exporter.getFinishedSpans() };
};

describe('spans are exported', () => {
  test('When the tracer is stopped, then it has sent each span with its parent, its links and what it says of itself', async () => {
    const { tracer, exported } = aTracer();
    const outer = tracer.start('server', 'POST /orders', { parent, links: [parent], attributes: () => ({ 'http.route': '/orders' }) });
    const inner = tracer.start('producer', 'send orders', { parent: outer.trace, attributes: none });
    expect(outer.trace).toEqual({ traceparent: expect.stringMatching(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`) as string, tracestate: 'a=b' });
    inner.end({ 'kafka.offset': 7 }, new TypeError('not taken'));
    outer.end();
    await tracer.stop();
    expect(exported()).toMatchObject([
      {
        name: 'send orders', kind: SpanKind.PRODUCER, status: { code: SpanStatusCode.ERROR, message: 'not taken' },
        attributes: { 'kafka.offset': 7, 'error.type': 'TypeError' },
      },
      {
        name: 'POST /orders', kind: SpanKind.SERVER, status: { code: SpanStatusCode.UNSET }, attributes: { 'http.route': '/orders' },
        links: [{ context: { traceId, spanId: '00f067aa0ba902b7' } }], resource: { attributes: { 'service.name': 'service-x' } },
      },
    ]);
    expect(exported().map((span) => span.spanContext().traceId)).toEqual([traceId, traceId]);
    expect(exported().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([outer.trace?.traceparent.slice(36, 52), '00f067aa0ba902b7']);
  });

  test('When there is no parent, then a trace begins', () => {
    const { trace } = aTracer().tracer.start('server', 'POST /orders', { parent: undefined, attributes: none });
    expect(traceOf(trace)).toEqual(trace);
    expect(trace).toBeDefined();
  });

  test('When the client does not sample its trace, then nothing is sent and the trace travels on unsampled', async () => {
    const { tracer, exported } = aTracer();
    const span = tracer.start('server', 'POST /orders', { parent: { traceparent: `00-${traceId}-00f067aa0ba902b7-00` }, attributes: none });
    span.end();
    await tracer.stop();
    expect(span.trace?.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(exported()).toEqual([]);
  });
});
