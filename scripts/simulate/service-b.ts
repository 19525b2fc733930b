import { parseEnv, securityOf } from '../../service-b/src/config/env';
import { createKafka, topicProbe } from '../../service-b/src/kafka/client';
import { createCodec } from '../../service-b/src/kafka/codec';
import { createOrderConsumer } from '../../service-b/src/kafka/consumer';
import { toDeadLetter } from '../../service-b/src/kafka/dead-letter';
import { createOrderReader } from '../../service-b/src/kafka/order-record';
import { keyPartitioner } from '../../service-b/src/kafka/partitioner';
import { createPublisher } from '../../service-b/src/kafka/publisher';
import { createGateway } from '../../service-b/src/processors/create-gateway';
import { createProcessOrder } from '../../service-b/src/processors/process-order';
import type { Logger } from '../../service-b/src/utils/logger';
import type { Place } from './service-a';

export type ServiceB = ReturnType<typeof startServiceB>;

const nothing = (): void => undefined;
const silent = { isDebugEnabled: () => false } as unknown as Logger;

// As in service-a.
createKafka({ brokers: ['none:1'], clientId: 'none', security: { caFile: undefined, credentials: undefined }, logger: silent });

/** service-b as its `index.ts` puts it together, without HTTP, metrics and traces. */
export const startServiceB = ({ brokers, settings, windowRecords, place, logger }: {
  brokers: string[];
  settings: Record<string, string>;
  /** Few, so that windows fill up. */
  windowRecords: number;
  place: Place;
  logger: Logger;
}) => {
  const env = parseEnv({ ...settings, KAFKA_BROKERS: brokers.join(',') });
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security: securityOf(env), logger });
  const publisherFor = (topic: string) => createPublisher({
    producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 0 } }),
    probe: topicProbe(kafka, topic),
    topic, onSent: nothing, onFailed: nothing, logger,
  });
  const payments = publisherFor(env.PAYMENTS_TOPIC);
  const deadLetters = publisherFor(env.DLT_TOPIC);
  const codec = createCodec({ topics: { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC }, registry: undefined, logger });
  const processOrder = createProcessOrder({
    ...createOrderReader(codec.readOrder),
    gateway: createGateway({
      url: undefined, timeoutMs: env.PAYMENT_TIMEOUT_MS, concurrency: env.PAYMENT_CONCURRENCY, onUnexpected: nothing,
      successRate: env.PAYMENT_SUCCESS_RATE, transientRate: env.PAYMENT_TRANSIENT_RATE, latencyMs: env.PAYMENT_LATENCY_MS,
    }),
    onAnswer: nothing,
    onRetry: nothing,
    maxRetries: env.PAYMENT_MAX_RETRIES,
    retryBaseMs: env.PAYMENT_RETRY_BASE_MS,
    publishPayment: async (event, { partition }, signal) => {
      const value = await codec.writePayment(event, signal);
      await payments.publish({ key: Buffer.from(event.data.orderId), value, fallbackPartition: partition }, signal);
    },
    publishDeadLetter: async ({ record, error, retryCount }, signal) => {
      const { value, headers } = toDeadLetter({ record, error, retryCount, failedAt: new Date(), groupId: env.KAFKA_GROUP_ID });
      await deadLetters.publish({ key: record.message.key, value, headers, fallbackPartition: record.partition }, signal);
    },
  });
  const consumer = createOrderConsumer({
    kafka, topic: env.ORDERS_TOPIC, groupId: env.KAFKA_GROUP_ID, process: processOrder, windowRecords, ...place, logger,
  });
  payments.start();
  deadLetters.start();
  consumer.start();
  return {
    ready: (): boolean => payments.healthy() && deadLetters.healthy() && consumer.healthy() && consumer.standing().length === 0,
    /** As on SIGTERM. */
    stop: async (): Promise<void> => {
      await consumer.stop();
      await Promise.all([payments.stop(), deadLetters.stop()]);
    },
  };
};
