import { createTraceState, diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type SpanContext } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger';
import type { TraceHeaders, Tracer } from './tracing';

const KINDS = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

const contextOf = ({ traceparent, tracestate }: TraceHeaders): SpanContext => ({
  traceId: traceparent.slice(3, 35),
  spanId: traceparent.slice(36, 52),
  traceFlags: Number.parseInt(traceparent.slice(53), 16) & 1,
  isRemote: true,
  ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
});

const headersOf = ({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceHeaders => {
  const tracestate = traceState?.serialize() ?? '';
  return { traceparent: `00-${traceId}-${spanId}-0${traceFlags & 1}`, ...(tracestate !== '' && { tracestate }) };
};

/** Sends spans to this address as OTLP/HTTP with JSON. */
export const createOtlpExporter = (url: string): SpanExporter => new OTLPTraceExporter({ url });

/**
 * Spans by OpenTelemetry's SDK, exported in batches. Its own variables (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
 * `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, `OTEL_EXPORTER_OTLP_HEADERS`, …) mean here what they mean everywhere.
 */
export const createOtelTracer = ({ exporter, service, logger }: { exporter: SpanExporter; service: string; logger: Logger }): Tracer => {
  const note = (message: string): void => void logger.warn('opentelemetry', { detail: message.slice(0, 1_000) });
  diag.setLogger({ error: note, warn: note, info: note, debug: note, verbose: note }, DiagLogLevel.WARN);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer(service);

  return {
    start: (kind, name, { parent, attributes, links = [] }) => {
      const from = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
      const linked = links.map((link) => ({ context: contextOf(link) }));
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: attributes(), links: linked }, from);
      return {
        trace: headersOf(span.spanContext()),
        end: (more = {}, error) => {
          span.setAttributes(more);
          if (error !== undefined) {
            const { name: type, message } = error instanceof Error ? error : new Error('no error was thrown, but something else');
            span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR, message });
          }
          span.end();
        },
      };
    },
    stop: () => provider.shutdown(),
  };
};
