import { createApp } from '../../src/app';
import { orderCreatedText } from '../../src/kafka/messages';
import { createMetrics } from '../../src/metrics';
import type { LogPosition, OrderEvent } from '../../src/processors/facts';
import { createPlaceOrder, type PlaceOrder } from '../../src/processors/place-order';
import { createWaiters } from '../../src/processors/waiters';
import { orderRequestSchema } from '../../src/routes/order-request';
import type { OrderRoutesDeps } from '../../src/routes/orders';
import type { PageFile } from '../../src/routes/static-page';
import { createStreams } from '../../src/routes/streams';
import { createMemoryStore, type MemoryStore } from '../../src/store/memory';
import type { FindHolder } from '../../src/utils/tokens';
import type { TraceHeaders } from '../../src/utils/tracing';
import type { OrderCreated } from './builders';
import { recordingLogger } from './fakes';
import { tellerOf } from './log';
import { recordingTracer } from './tracing';

/** The HTTP side over a broker that acknowledges everything, or as told. */
export const anApp = (differences: {
  placeOrder?: PlaceOrder;
  store?: MemoryStore;
  caughtUp?: boolean;
  checks?: Record<string, boolean>;
  corsOrigins?: string[];
  board?: PageFile[];
  findHolder?: FindHolder;
  ratePerMinute?: number;
  orderRequest?: OrderRoutesDeps['orderRequest'];
} = {}) => {
  const { caughtUp = true, checks = {}, corsOrigins = ['*'], board = [], orderRequest = orderRequestSchema, store = createMemoryStore({ max: 100 }), ...others } = differences;
  const published: OrderCreated[] = [];
  const traces: (TraceHeaders | undefined)[] = [];
  const publish = async (_orderId: string, event: OrderEvent, trace?: TraceHeaders): Promise<LogPosition> => {
    published.push(JSON.parse(orderCreatedText(event)) as OrderCreated);
    traces.push(trace);
    return { partition: 1, offset: String(published.length) };
  };
  const placeOrder = differences.placeOrder ?? createPlaceOrder({ store, publish, timeoutMs: 1_000 });
  const { logger, lines } = recordingLogger();
  const changes = { onChange: store.onChange, onGap: () => undefined, position: () => '0', since: async (id: string) => (id === '0' ? new Set<string>() : undefined) };
  const waiters = createWaiters(changes);
  const streams = createStreams({ store, changes, logger });
  const metrics = createMetrics({ ordersTopic: 'orders' });
  const { startSpan, spans } = recordingTracer();
  const app = createApp({
    startSpan,
    metrics,
    findHolder: others.findHolder, ratePerMinute: others.ratePerMinute,
    board, placeOrder, store, waiters, streams, corsOrigins, logger,
    caughtUp: () => caughtUp, checks: () => checks, orderRequest, bodyLimitBytes: 262_144,
  });
  return { app, store, tell: tellerOf(store), published, lines, waiters, streams, metrics, spans, traces };
};
