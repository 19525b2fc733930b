import { createServer } from 'node:http';
import { createApp } from './app';
import { loadEnv, type Env } from './config/env';
import { createKafka } from './kafka/client';
import { createOrderConsumer } from './kafka/consumer';
import { toDeadLetter } from './kafka/dead-letter';
import { createLagWatch } from './kafka/lag';
import { keyPartitioner } from './kafka/partitioner';
import { createPublisher } from './kafka/publisher';
import { createSimulatedGateway } from './processors/gateway';
import { createProcessOrder } from './processors/process-order';
import { createLogger } from './utils/logger';
import { createMetrics } from './utils/metrics';
import { closeServer, listen } from './utils/server';
import { exitOnUncaught, shutdownOnSignal } from './utils/shutdown';
import { traceIdOf } from './utils/trace';
import { createTrail } from './utils/trail';

const start = async (env: Env): Promise<void> => {
  const logger = createLogger({ level: env.LOG_LEVEL, service: 'service-b' });
  exitOnUncaught(logger);
  const trail = createTrail({ logger, perSecond: env.LOG_TRAIL_PER_SECOND });
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, logger });

  const metrics = createMetrics({ ordersTopic: env.ORDERS_TOPIC });

  // A connection for each topic: one that cannot be written to does not hold back the other.
  const publisherFor = (topic: string) => createPublisher({
    producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 1 } }),
    topic,
    ...metrics.publishing(topic),
    logger,
  });
  const payments = publisherFor(env.PAYMENTS_TOPIC);
  const deadLetters = publisherFor(env.DLT_TOPIC);

  const processOrder = createProcessOrder({
    gateway: createSimulatedGateway({
      successRate: env.PAYMENT_SUCCESS_RATE,
      transientRate: env.PAYMENT_TRANSIENT_RATE,
      latencyMs: env.PAYMENT_LATENCY_MS,
      concurrency: env.PAYMENT_CONCURRENCY,
    }),
    onAnswer: metrics.answered,
    maxRetries: env.PAYMENT_MAX_RETRIES,
    retryBaseMs: env.PAYMENT_RETRY_BASE_MS,
    publishPayment: async (event, { partition, message }, signal) => {
      const traceparent = message.headers?.['traceparent'];
      const traceId = traceIdOf(traceparent);
      const { orderId, paymentId } = event.data;
      const headers = traceId === undefined ? {} : { traceparent: traceparent! };
      const outcome = { key: Buffer.from(orderId), value: JSON.stringify(event), headers, fallbackPartition: partition };
      const position = await payments.publish(outcome, signal);
      metrics.finished('paid', message.timestamp);
      trail.log('payment published', { orderId, traceId, paymentId, topic: env.PAYMENTS_TOPIC, ...position });
    },
    publishDeadLetter: async ({ record, error, retryCount }, signal) => {
      const { key, headers: originals } = record.message;
      const traceId = traceIdOf(originals?.['traceparent']);
      const { value, headers } = toDeadLetter({ record, error, retryCount, failedAt: new Date(), groupId: env.KAFKA_GROUP_ID });
      const position = await deadLetters.publish({ key, value, headers, fallbackPartition: record.partition }, signal);
      metrics.finished('dead_lettered', record.message.timestamp);
      metrics.deadLettered(error.name);
      trail.log('order dead-lettered', {
        orderId: key?.toString().slice(0, 64), traceId, errorType: error.name, retryCount, topic: env.DLT_TOPIC, ...position,
      });
    },
  });
  const consumer = createOrderConsumer({
    kafka,
    topic: env.ORDERS_TOPIC,
    groupId: env.KAFKA_GROUP_ID,
    process: (record, signal) => {
      const { topic, partition, message } = record;
      const traceId = traceIdOf(message.headers?.['traceparent']);
      trail.log('order consumed', { orderId: message.key?.toString().slice(0, 64), traceId, topic, partition, offset: message.offset });
      return processOrder(record, signal);
    },
    onJoin: metrics.joined,
    onRestart: metrics.restarted,
    logger,
  });
  const lag = createLagWatch({ kafka, groupId: env.KAFKA_GROUP_ID, topics: [env.ORDERS_TOPIC], logger });
  const checks = () => ({
    paymentsWritable: payments.healthy(),
    deadLettersWritable: deadLetters.healthy(),
    consumerJoined: consumer.healthy(),
  });
  metrics.watch({
    checks,
    lags: lag.lags,
    queued: () => ({ [env.PAYMENTS_TOPIC]: payments.waiting(), [env.DLT_TOPIC]: deadLetters.waiting() }),
  });

  const app = createApp({
    checks,
    metrics,
    corsOrigins: env.CORS_ORIGINS,
    logger,
  });
  const server = createServer(app);

  shutdownOnSignal({
    logger,
    // Nine seconds at most.
    steps: [
      { name: 'http', timeoutMs: 1_000, run: () => closeServer(server, 500) },
      { name: 'consumer', timeoutMs: 6_000, run: consumer.stop },
      { name: 'producers', timeoutMs: 2_000, run: () => Promise.all([payments.stop(), deadLetters.stop(), lag.stop()]) },
    ],
    atExit: trail.close,
  });
  payments.start();
  deadLetters.start();
  consumer.start();
  lag.start();
  await listen(server, { host: env.HOST, port: env.PORT });
  logger.info('listening', { host: env.HOST, port: env.PORT });
};

const fail = (error: unknown): never => {
  process.stderr.write(`service-b cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
};

try {
  start(loadEnv()).catch(fail);
} catch (error) {
  fail(error);
}
