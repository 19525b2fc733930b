import { createApp } from '../../src/app';
import { createPlaceOrder, type PlaceOrder } from '../../src/processors/place-order';
import { createProjection, type Projection } from '../../src/processors/projection';
import { createStreams } from '../../src/processors/streams';
import { createWaiters } from '../../src/processors/waiters';
import type { BoardFile } from '../../src/routes/board';
import type { OrderCreated } from './builders';
import { createMetrics } from '../../src/utils/metrics';
import type { TraceHeaders } from '../../src/utils/tracing';
import { recordingTracer } from './tracing';
import { recordingLogger } from './fakes';

/** The HTTP side over a broker that acknowledges everything, or as told. */
export const anApp = (differences: {
  placeOrder?: PlaceOrder;
  projection?: Projection;
  caughtUp?: boolean;
  checks?: Record<string, boolean>;
  corsOrigins?: string[];
  board?: BoardFile[];
} = {}) => {
  const { caughtUp = true, checks = {}, corsOrigins = ['*'], board = [], projection = createProjection({ max: 100 }) } = differences;
  const published: OrderCreated[] = [];
  const traces: (TraceHeaders | undefined)[] = [];
  const publish = async (_orderId: string, event: string, trace?: TraceHeaders): Promise<void> => {
    published.push(JSON.parse(event) as OrderCreated);
    traces.push(trace);
  };
  const bounds = { timeoutMs: 1_000, unconfirmedMax: 100, unconfirmedMaxBytes: 1_000_000 };
  const placeOrder = differences.placeOrder ?? createPlaceOrder({ projection, publish, ...bounds });
  const { logger, lines } = recordingLogger();
  const waiters = createWaiters(projection);
  const feed = { position: () => '0', since: (id: string) => (id === '0' ? new Set<string>() : undefined) };
  const streams = createStreams({ projection, feed, logger });
  const metrics = createMetrics({ ordersTopic: 'orders' });
  const { startSpan, spans } = recordingTracer();
  const app = createApp({
    startSpan,
    metrics,
    board, placeOrder, projection, waiters, streams, corsOrigins, logger,
    caughtUp: () => caughtUp, checks: () => checks, bodyLimitBytes: 262_144,
  });
  return { app, projection, published, lines, waiters, streams, metrics, spans, traces };
};
