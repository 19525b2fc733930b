import type { Logger } from './logger';
import { passOn, type Tracer } from './tracing';

/**
 * Spans go to the OTLP/HTTP receiver at this address; without one they are not made.
 * OpenTelemetry is loaded only where it is used: it costs some megabytes and a tenth of a second.
 */
export const createTracer = async ({ url, service, logger }: {
  url: string | undefined; service: string; logger: Logger;
}): Promise<Tracer> => {
  if (url === undefined) return passOn;
  const { createOtelTracer, createOtlpExporter } = await import('./otel');
  return createOtelTracer({ exporter: createOtlpExporter(url), service, logger });
};
