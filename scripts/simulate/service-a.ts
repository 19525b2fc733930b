import { parseEnv } from '../../service-a/src/config/env';
import { createKafka, topicProbe } from '../../service-a/src/kafka/client';
import { createFollower } from '../../service-a/src/kafka/follower';
import { keyPartitioner } from '../../service-a/src/kafka/partitioner';
import { createPublisher } from '../../service-a/src/kafka/publisher';
import { createLogReader } from '../../service-a/src/processors/follow-log';
import { createPlaceOrder } from '../../service-a/src/processors/place-order';
import { createProjection } from '../../service-a/src/processors/projection';
import type { Logger } from '../../service-a/src/utils/logger';
import { passOn } from '../../service-a/src/utils/tracing';

/** Hears of the consumer: that it joined its group, and that it ended and is built anew. */
export type Place = { onJoin: () => void; onRestart: () => void };

export type ServiceA = ReturnType<typeof startServiceA>;

const nothing = (): void => undefined;
const silent = { isDebugEnabled: () => false } as unknown as Logger;

// KafkaJS is patched by the first client of a process: the first seed finds it as the later ones do.
createKafka({ brokers: ['none:1'], clientId: 'none', logger: silent });

/** A projection and what folds the log into it; `groupId` says for whom. */
export const createState = ({ groupId, logger }: { groupId: string; logger: Logger }) => {
  const env = parseEnv({});
  const projection = createProjection({ max: env.ORDERS_MAX, maxBytes: env.ORDERS_MAX_BYTES });
  const logReader = createLogReader({
    topics: { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC },
    groupId, projection, feed: { note: nothing }, onRecord: nothing, startSpan: passOn.start,
    trail: { log: nothing, close: nothing }, logger,
  });
  return { projection, logReader };
};

/** service-a as its `index.ts` puts it together, without HTTP, metrics and traces. */
export const startServiceA = ({ brokers, place, logger }: { brokers: string[]; place: Place; logger: Logger }) => {
  const env = parseEnv({ KAFKA_BROKERS: brokers.join(',') });
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId: env.KAFKA_CLIENT_ID, logger });
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
  const { projection, logReader } = createState({ groupId: env.KAFKA_GROUP_ID, logger });
  const placeOrder = createPlaceOrder({
    projection,
    timeoutMs: env.PUBLISH_TIMEOUT_MS,
    unconfirmedMax: env.PUBLISH_QUEUE_MAX,
    unconfirmedMaxBytes: env.PUBLISH_QUEUE_MAX_BYTES,
    publish: async (orderId, event) => {
      const position = await publisher.publish(Buffer.from(orderId), Buffer.from(event), {});
      logReader.expectOwn({ ...position, orderId });
    },
  });
  const follower = createFollower({
    kafka, groupId: env.KAFKA_GROUP_ID, topics: Object.values(topics), handle: logReader.handle,
    ...place, logger,
  });
  publisher.start();
  follower.start();
  const ready = (): boolean => publisher.healthy() && follower.healthy() && follower.caughtUp();
  return {
    placeOrder,
    projection,
    caughtUp: follower.caughtUp,
    /** Whether brokers answer it: as `ready`, for it has no gateway to wait for. */
    inTouch: ready,
    ready,
    /** Next offset to read, by `topic/partition`. */
    positions: (): Map<string, bigint> => new Map(follower.positions().map(({ topic, partition, next }) => [`${topic}/${partition}`, next])),
    /** As on SIGTERM. */
    stop: async (): Promise<void> => {
      await follower.stop();
      await publisher.stop();
    },
  };
};
