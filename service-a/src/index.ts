import './utils/stop-early';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { createApp } from './app';
import { loadEnv, registryOf, securityOf, tracesUrlOf, type Env } from './config/env';
import { createLook, principalOf } from './kafka/access';
import { createAccessWatch } from './kafka/access-watch';
import { adjustKafkaLogLevel, createKafka, topicProbe } from './kafka/client';
import { createCodec } from './kafka/codec';
import { createLagWatch } from './kafka/lag';
import { keyPartitioner } from './kafka/partitioner';
import { createPublisher } from './kafka/publisher';
import { createRegistryClient } from './kafka/registry-client';
import { positionAttributes, recordAttributes } from './kafka/span-attributes';
import { createMetrics } from './metrics';
import { createPlaceOrder } from './processors/place-order';
import { createWaiters } from './processors/waiters';
import { orderRequestSchema, utf8OrderRequestSchema } from './routes/order-request';
import { readPage } from './routes/static-page';
import { createStreams } from './routes/streams';
import { createMemoryLog } from './sources/memory-log';
import type { OrderSource } from './sources/order-source';
import { createPostgresLog } from './sources/postgres-log';
import { createLogger, switchLevelOnSignal } from './utils/logger';
import { closeServer, createExpressServer, isClosing, listen } from './utils/server';
import { exitOnUncaught, shutdownOnSignal } from './utils/shutdown';
import { createTokens } from './utils/tokens';
import { createTracer } from './utils/tracer';
import { endWith, traceIdOf } from './utils/tracing';
import { createTrail } from './utils/trail';

const start = async (env: Env): Promise<void> => {
  const logger = createLogger({ level: env.LOG_LEVEL, service: 'service-a' });
  exitOnUncaught(logger);
  const trail = createTrail({ logger, perSecond: env.LOG_TRAIL_PER_SECOND });
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const metrics = createMetrics({ ordersTopic: topics.orders, readTopics: Object.values(topics) });

  const security = securityOf(env);
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security, logger });
  switchLevelOnSignal(logger, () => adjustKafkaLogLevel(kafka, logger));
  const tracer = await createTracer({ url: tracesUrlOf(env), service: 'service-a', logger });
  // The second group is that of a stand-in, until this one has joined; with a database there is none.
  const groups = [env.KAFKA_GROUP_ID, ...env.DATABASE_URL === undefined ? [`${env.KAFKA_GROUP_ID}.${randomUUID()}`] : []];
  const access = createAccessWatch({
    look: createLook({
      brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security,
      needs: { Read: Object.values(topics), Write: [topics.orders], groups },
    }),
    principal: principalOf(security),
    logger,
  });
  const registry = registryOf(env);
  const codec = createCodec({ topics, registry: registry && createRegistryClient(registry), logger });
  const publisher = createPublisher({
    producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 0 } }),
    probe: topicProbe(kafka, topics.orders),
    topic: topics.orders,
    queueMax: env.PUBLISH_QUEUE_MAX,
    queueMaxBytes: env.PUBLISH_QUEUE_MAX_BYTES,
    expiryMs: env.PUBLISH_TIMEOUT_MS,
    onSent: metrics.published,
    onFailed: access.alsoCheck(metrics.publishFailed),
    logger,
  });
  const reading = {
    codec,
    topics,
    kafka,
    groupId: env.KAFKA_GROUP_ID,
    onRecord: metrics.consumed,
    onJoin: metrics.joined,
    onRestart: access.alsoCheck(metrics.restarted),
    tracer,
    trail,
    logger,
  };
  const inMemory = (): OrderSource => createMemoryLog({
    bounds: {
      max: env.ORDERS_MAX, maxBytes: env.ORDERS_MAX_BYTES, claimsMax: env.PUBLISH_QUEUE_MAX, claimsMaxBytes: env.PUBLISH_QUEUE_MAX_BYTES,
    },
    ...reading,
  });
  const inTables = (url: string): OrderSource => createPostgresLog({
    url, keepDays: env.ORDERS_KEEP_DAYS, watch: metrics.database(), wanted: () => waiters.size() + streams.size() > 0, ...reading,
  });
  const { store, changes, log, ...source } = env.DATABASE_URL === undefined ? inMemory() : inTables(env.DATABASE_URL);
  const waiters = createWaiters(changes);
  const streams = createStreams({ store, changes, logger });
  const placeOrder = createPlaceOrder({
    store,
    timeoutMs: env.PUBLISH_TIMEOUT_MS,
    publish: async (orderId, event, parent) => {
      const value = codec.writeOrder(event);
      const key = Buffer.from(orderId);
      const span = tracer.start('producer', `send ${topics.orders}`, { parent, attributes: () => recordAttributes('send', topics.orders, key) });
      const headers = span.trace === undefined ? {} : { ...span.trace };
      const position = await endWith(span, publisher.publish(key, value, headers), positionAttributes);
      const { partition, offset } = position;
      trail.log('order published', { orderId, traceId: traceIdOf(span.trace), topic: topics.orders, partition, offset });
      return position;
    },
  });
  const lag = createLagWatch({ kafka, groupId: env.KAFKA_GROUP_ID, topics: Object.values(topics), logger });
  const checks = () => ({
    producerConnected: publisher.healthy(),
    ...source.checks(),
    ...codec.checks(),
    accessGranted: access.granted(),
    consumerJoined: log.healthy(),
    stateCaughtUp: log.caughtUp(),
    notStopping: !isClosing(server),
  });
  metrics.watch({
    checks,
    lags: lag.lags,
    queued: publisher.waiting,
    counts: store.counts,
    rebuildSeconds: log.rebuildSeconds,
    streams: streams.size,
    waiters: waiters.size,
  });

  const app = createApp({
    placeOrder,
    store,
    waiters,
    streams,
    caughtUp: log.caughtUp,
    checks,
    metrics,
    startSpan: tracer.start,
    // Where the build leaves it, seen from dist/ and from src/ alike.
    board: readPage(resolve(__dirname, '../dist/board')),
    corsOrigins: env.CORS_ORIGINS,
    findHolder: env.API_TOKENS_FILE === undefined ? undefined : createTokens({ file: env.API_TOKENS_FILE, logger }),
    ratePerMinute: env.RATE_LIMIT_PER_MINUTE,
    orderRequest: registry === undefined ? orderRequestSchema : utf8OrderRequestSchema,
    bodyLimitBytes: env.BODY_LIMIT_BYTES,
    logger,
  });
  const server = createExpressServer(app);

  /** Who waits is answered with the order as it is, and streams end once they cannot come back here: nobody holds up the server. */
  const closeHttp = (): Promise<void> => {
    waiters.close();
    return closeServer(server, 5_500, { onDeaf: streams.close });
  };

  shutdownOnSignal({
    logger,
    // Nine and a half seconds at most. An answer that is still open after five and a half is cut off, and its order is told by the log.
    steps: [
      { name: 'http', timeoutMs: 6_000, run: closeHttp },
      { name: 'consumer', timeoutMs: 1_500, run: log.stop },
      { name: 'producer', timeoutMs: 1_500, run: () => Promise.all([publisher.stop(), lag.stop()]) },
      { name: 'database and traces', timeoutMs: 500, run: () => Promise.all([source.close(), tracer.stop()]) },
    ],
    atExit: () => {
      codec.stop();
      access.stop();
      trail.close();
    },
  });
  access.start();
  codec.start();
  publisher.start();
  log.start();
  lag.start();
  await listen(server, { host: env.HOST, port: env.PORT });
  logger.info('listening', { host: env.HOST, port: env.PORT });
};

const fail = (error: unknown): never => {
  process.stderr.write(`service-a cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
};

try {
  start(loadEnv()).catch(fail);
} catch (error) {
  fail(error);
}
