import type { TopicMessages } from 'kafkajs';
import type { Stage } from '../drill/stage';
import { ORDER_BODY } from './measure';

const BATCH = 5_000;
const ORDER = JSON.parse(ORDER_BODY) as object;

/** The event of an order like those that are posted. */
export const orderCreated = (orderId: string, timestamp: string): object =>
  ({ eventType: 'ORDER_CREATED', eventId: orderId, timestamp, data: { orderId, ...ORDER } });

/** Writes what `recordsOf` says of `count` new orders to the topics, a batch of orders at a time. */
export const fill = async (
  { kafka, random }: Stage, count: number, recordsOf: (orderIds: string[], from: number) => TopicMessages[],
): Promise<void> => {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (let from = 0; from < count; from += BATCH) {
    const orderIds = Array.from({ length: Math.min(BATCH, count - from) }, () => random.uuid());
    await producer.sendBatch({ topicMessages: recordsOf(orderIds, from) });
  }
  await producer.disconnect();
};
