import type { Attributes, StartSpan, TraceHeaders } from '../../src/utils/tracing';

type Recorded = { kind: string; name: string; parent: TraceHeaders | undefined; attributes: Attributes; error?: unknown };

/** Spans that are kept once they have ended; each takes the place of its parent in the trace. */
export const recordingTracer = (): { startSpan: StartSpan; spans: Recorded[] } => {
  const spans: Recorded[] = [];
  return {
    spans,
    startSpan: (kind, name, { parent, attributes }) => ({
      trace: parent && { ...parent, traceparent: `${parent.traceparent.slice(0, 36)}${'1'.repeat(16)}-01` },
      end: (more, error) => {
        spans.push({ kind, name, parent, attributes: { ...attributes(), ...more }, ...(error !== undefined && { error }) });
      },
    }),
  };
};
