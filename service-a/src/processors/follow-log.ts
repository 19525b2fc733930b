import type { KafkaMessage } from 'kafkajs';
import { readDeadLetter, readOrderCreated, readPaymentCompleted, type OrderFact } from '../kafka/messages';
import type { Logger } from '../utils/logger';
import type { Trail } from '../utils/trail';
import type { Projection } from './projection';

type Read = (key: Buffer | null, value: Buffer | null) => OrderFact | undefined;

/** Folds each record of the three topics into the projection; one that cannot be read is counted, logged and skipped. */
export const createLogReader = ({ topics, projection, trail, logger }: {
  topics: { orders: string; payments: string; deadLetters: string };
  projection: Pick<Projection, 'apply'>;
  trail: Trail;
  logger: Logger;
}) => {
  const readers = new Map<string, Read>([
    [topics.orders, readOrderCreated],
    [topics.payments, readPaymentCompleted],
    [topics.deadLetters, readDeadLetter],
  ]);
  let unreadable = 0;

  return ({ topic, partition, message }: { topic: string; partition: number; message: KafkaMessage }): void => {
    try {
      const fact = readers.get(topic)?.(message.key, message.value);
      if (fact === undefined) return;
      const status = projection.apply(fact);
      if (status !== undefined && fact.kind !== 'created') {
        trail.log('order updated', { orderId: fact.orderId, status, topic, partition, offset: message.offset });
      }
    } catch (error) {
      unreadable += 1;
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn('record skipped: cannot be read', { topic, partition, offset: message.offset, reason, unreadable });
    }
  };
};
