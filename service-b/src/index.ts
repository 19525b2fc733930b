import './utils/stop-early';
import { createApp } from './app';
import { loadEnv, registryOf, securityOf, tracesUrlOf, type Env } from './config/env';
import { createLook, principalOf } from './kafka/access';
import { createAccessWatch } from './kafka/access-watch';
import { adjustKafkaLogLevel, createKafka, topicProbe } from './kafka/client';
import { createCodec } from './kafka/codec';
import { createOrderConsumer } from './kafka/consumer';
import { createLagWatch } from './kafka/lag';
import { createOrderReader } from './kafka/order-record';
import { keyPartitioner } from './kafka/partitioner';
import { createPublisher } from './kafka/publisher';
import { createRegistryClient } from './kafka/registry-client';
import { createMetrics } from './metrics';
import { createOperator } from './operator';
import { countCalls } from './processors/count-calls';
import { createGateway } from './processors/create-gateway';
import { createProcessOrder } from './processors/process-order';
import { createStatus } from './status';
import { createSteps } from './steps';
import { createLogger, switchLevelOnSignal } from './utils/logger';
import { closeServer, createExpressServer, listen } from './utils/server';
import { exitOnUncaught, shutdownOnSignal } from './utils/shutdown';
import { createTokens } from './utils/tokens';
import { createTracer } from './utils/tracer';
import { createTrail } from './utils/trail';

const start = async (env: Env): Promise<void> => {
  const logger = createLogger({ level: env.LOG_LEVEL, service: 'service-b' });
  exitOnUncaught(logger);
  const trail = createTrail({ logger, perSecond: env.LOG_TRAIL_PER_SECOND });
  const security = securityOf(env);
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security, logger });
  switchLevelOnSignal(logger, () => adjustKafkaLogLevel(kafka, logger));
  const tracer = await createTracer({ url: tracesUrlOf(env), service: 'service-b', logger });

  const metrics = createMetrics({ ordersTopic: env.ORDERS_TOPIC });

  const access = createAccessWatch({
    look: createLook({
      brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security,
      needs: { Read: [env.ORDERS_TOPIC], Write: [env.PAYMENTS_TOPIC, env.DLT_TOPIC], groups: [env.KAFKA_GROUP_ID] },
    }),
    principal: principalOf(security),
    logger,
  });

  const registry = registryOf(env);
  const codec = createCodec({
    topics: { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC }, registry: registry && createRegistryClient(registry), logger,
  });

  // A connection for each topic: one that cannot be written to does not hold back the other.
  const publisherFor = (topic: string) => {
    const { onSent, onFailed } = metrics.publishing(topic);
    return {
      topic,
      ...createPublisher({
        producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 0 } }),
        probe: topicProbe(kafka, topic),
        topic,
        onSent,
        onFailed: access.alsoCheck(onFailed),
        logger,
      }),
    };
  };
  const payments = publisherFor(env.PAYMENTS_TOPIC);
  const deadLetters = publisherFor(env.DLT_TOPIC);
  const steps = createSteps({ groupId: env.KAFKA_GROUP_ID, codec, payments, deadLetters, tracer, metrics, trail });

  const { gateway, open } = countCalls(createGateway({
    url: env.PAYMENT_GATEWAY_URL,
    timeoutMs: env.PAYMENT_TIMEOUT_MS,
    concurrency: env.PAYMENT_CONCURRENCY,
    successRate: env.PAYMENT_SUCCESS_RATE,
    transientRate: env.PAYMENT_TRANSIENT_RATE,
    latencyMs: env.PAYMENT_LATENCY_MS,
    onUnexpected: (answer) => logger.error('payment gateway gave an unexpected answer', answer),
  }));
  const status = createStatus({ concurrency: env.PAYMENT_CONCURRENCY, timeoutMs: env.PAYMENT_TIMEOUT_MS, openCalls: open });
  const processOrder = createProcessOrder({
    ...createOrderReader(codec.readOrder),
    gateway,
    onAnswer: status.alsoAnswered(metrics.answered),
    onRetry: steps.tellRetry,
    publishPayment: steps.publishPayment,
    publishDeadLetter: steps.publishDeadLetter,
    maxRetries: env.PAYMENT_MAX_RETRIES,
    retryBaseMs: env.PAYMENT_RETRY_BASE_MS,
  });
  const consumer = createOrderConsumer({
    kafka,
    topic: env.ORDERS_TOPIC,
    groupId: env.KAFKA_GROUP_ID,
    process: steps.consume(processOrder),
    onJoin: status.alsoJoined(metrics.joined),
    onRestart: access.alsoCheck(status.alsoRestarted(metrics.restarted)),
    logger,
  });
  const lag = createLagWatch({ kafka, groupId: env.KAFKA_GROUP_ID, topics: [env.ORDERS_TOPIC], logger });
  const stopping = new AbortController();
  const checks = () => ({
    paymentsWritable: payments.healthy(),
    deadLettersWritable: deadLetters.healthy(),
    ...codec.checks(),
    accessGranted: access.granted(),
    consumerJoined: consumer.healthy(),
    partitionsMove: consumer.standing().length === 0,
    notStopping: !stopping.signal.aborted,
  });
  metrics.watch({
    checks,
    lags: lag.lags,
    queued: () => ({ [env.PAYMENTS_TOPIC]: payments.waiting(), [env.DLT_TOPIC]: deadLetters.waiting() }),
  });

  metrics.watchPartitions(consumer.standing);

  const operator = env.OPERATOR_PAGE ? createOperator({ env, codec, logger }) : undefined;
  const app = createApp({
    checks,
    metrics,
    corsOrigins: env.CORS_ORIGINS,
    findHolder: env.API_TOKENS_FILE === undefined ? undefined : createTokens({ file: env.API_TOKENS_FILE, logger }),
    operator: operator && { ...operator.routes, status: { lags: lag.lags, standing: consumer.standing, ...status.figures } },
    logger,
  });
  const server = createExpressServer(app);

  shutdownOnSignal({
    logger,
    // Eight and a half seconds at most. Probes are answered while the consumer stops.
    steps: [
      {
        name: 'http and consumer',
        timeoutMs: 6_000,
        run: () => {
          stopping.abort();
          return Promise.all([closeServer(server, 4_000, { onDeaf: () => operator?.closeStreams() }), consumer.stop(), operator?.stop()]);
        },
      },
      { name: 'producers', timeoutMs: 2_000, run: () => Promise.all([payments.stop(), deadLetters.stop(), lag.stop()]) },
      { name: 'traces', timeoutMs: 500, run: tracer.stop },
    ],
    atExit: () => {
      codec.stop();
      access.stop();
      trail.close();
    },
  });
  access.start();
  codec.start();
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
