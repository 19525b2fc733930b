import { parseEnv, securityOf } from '../../service-a/src/config/env';
import { createKafka, topicProbe } from '../../service-a/src/kafka/client';
import { createCodec } from '../../service-a/src/kafka/codec';
import { keyPartitioner } from '../../service-a/src/kafka/partitioner';
import { createPublisher } from '../../service-a/src/kafka/publisher';
import { createRecordHandler } from '../../service-a/src/kafka/record-handler';
import { createPlaceOrder } from '../../service-a/src/processors/place-order';
import { createMemoryStore } from '../../service-a/src/store/memory';
import { createMemoryLog } from '../../service-a/src/sources/memory-log';
import type { Logger } from '../../service-a/src/utils/logger';
import { passOn } from '../../service-a/src/utils/tracing';

/** Hears of the consumer: that it joined its group, and that it ended and is built anew. */
export type Place = { onJoin: () => void; onRestart: () => void };

export type ServiceA = ReturnType<typeof startServiceA>;

const nothing = (): void => undefined;
const silent = { isDebugEnabled: () => false } as unknown as Logger;

// KafkaJS is patched by the first client of a process: the first seed finds it as the later ones do.
createKafka({ brokers: ['none:1'], clientId: 'none', security: { caFile: undefined, credentials: undefined }, logger: silent });

const noTrail = { log: nothing, close: nothing };

/** A store and what folds records into it, apart from any service. */
export const createState = (logger: Logger) => {
  const env = parseEnv({});
  const store = createMemoryStore({ max: env.ORDERS_MAX });
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const { handle } = createRecordHandler({
    codec: createCodec({ topics, registry: undefined, logger }),
    topics,
    groupId: 'anyone', store, feed: { note: nothing }, onRecord: nothing, startSpan: passOn.start, trail: noTrail, logger,
  });
  return { store, handle };
};

/** service-a as its `index.ts` puts it together, without HTTP, metrics and traces. */
export const startServiceA = ({ brokers, settings, place, logger }: {
  brokers: string[];
  settings: Record<string, string>;
  place: Place;
  logger: Logger;
}) => {
  const env = parseEnv({ ...settings, KAFKA_BROKERS: brokers.join(',') });
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, security: securityOf(env), logger });
  const publisher = createPublisher({
    producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 0 } }),
    probe: topicProbe(kafka, topics.orders),
    topic: topics.orders,
    queueMax: env.PUBLISH_QUEUE_MAX,
    queueMaxBytes: env.PUBLISH_QUEUE_MAX_BYTES,
    expiryMs: env.PUBLISH_TIMEOUT_MS,
    onSent: nothing,
    onFailed: nothing,
    logger,
  });
  const codec = createCodec({ topics, registry: undefined, logger });
  const { store, log: follower } = createMemoryLog({
    bounds: {
      max: env.ORDERS_MAX, maxBytes: env.ORDERS_MAX_BYTES, claimsMax: env.PUBLISH_QUEUE_MAX, claimsMaxBytes: env.PUBLISH_QUEUE_MAX_BYTES,
    },
    codec, topics, kafka, groupId: env.KAFKA_GROUP_ID, onRecord: nothing, ...place, tracer: passOn, trail: noTrail, logger,
  });
  const placeOrder = createPlaceOrder({
    store,
    timeoutMs: env.PUBLISH_TIMEOUT_MS,
    publish: (orderId, event) => publisher.publish(Buffer.from(orderId), codec.writeOrder(event), {}),
  });
  publisher.start();
  follower.start();
  return {
    placeOrder,
    store,
    caughtUp: follower.caughtUp,
    ready: (): boolean => publisher.healthy() && follower.healthy() && follower.caughtUp(),
    /** Next offset to read, by `topic/partition`. */
    positions: (): Map<string, bigint> => new Map(follower.positions().map(({ topic, partition, next }) => [`${topic}/${partition}`, next])),
    /** As on SIGTERM. */
    stop: async (): Promise<void> => {
      await follower.stop();
      await publisher.stop();
    },
  };
};
