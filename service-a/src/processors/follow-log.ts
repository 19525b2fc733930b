import type { KafkaMessage } from 'kafkajs';
import { readDeadLetter, readOrderCreated, readPaymentCompleted, UnreadableRecordError, type OrderFact } from '../kafka/messages';
import { positionAttributes, recordAttributes } from '../kafka/span-attributes';
import type { LogPosition } from '../store/order-store';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf, type StartSpan } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import type { Feed } from './feed';
import type { OrderStatus } from './projection';

/** `applied`: what is known of an order changed or was confirmed; `unchanged`: it was known already, or is about no order. */
export type FoldOutcome = 'applied' | 'unchanged' | 'unreadable';

type Read = (key: Buffer | null, value: Buffer | null, headers?: KafkaMessage['headers']) => OrderFact | undefined;

/**
 * Folds each record of the three topics into the store; one that cannot be read is counted, logged and skipped.
 * Orders that this process published itself are shown since the broker's acknowledgement: meeting them in the log only confirms them.
 */
export const createLogReader = ({ topics, groupId, store, feed, onRecord, startSpan, trail, logger }: {
  topics: { orders: string; payments: string; deadLetters: string };
  /** Of the consumer that delivers the records. */
  groupId: string;
  store: {
    /** @returns the order's status if the fact changed what is known of it */
    apply: (fact: OrderFact, position: LogPosition) => OrderStatus | undefined;
    /** @returns whether this is the record of an order that was shown at its acknowledgement, and not met before */
    confirm: (orderId: string, partition: number, offset: string) => boolean;
  };
  feed: Pick<Feed, 'note'>;
  /** Hears of each record what it did to the state. */
  onRecord: (topic: string, outcome: FoldOutcome) => void;
  startSpan: StartSpan;
  trail: Trail;
  logger: Logger;
}) => {
  const readers = new Map<string, Read>([
    [topics.orders, readOrderCreated],
    [topics.payments, readPaymentCompleted],
    [topics.deadLetters, readDeadLetter],
  ]);
  let unreadable = 0;

  /** @returns the order that the record changed, if any */
  const fold = (topic: string, partition: number, message: KafkaMessage): string | undefined => {
    const { key, value, offset, headers } = message;
    if (topic === topics.orders && key !== null) {
      const orderId = key.toString();
      if (store.confirm(orderId, partition, offset)) return orderId;
    }
    const fact = readers.get(topic)?.(key, value, headers);
    if (fact === undefined) return undefined;
    const position = { partition, offset };
    if (fact.kind === 'created') return store.apply(fact, position) && fact.orderId;
    const parent = traceOf(headers);
    const attributes = () => ({
      ...recordAttributes('process', topic, key), ...positionAttributes(position), 'messaging.consumer.group.name': groupId,
    });
    const span = startSpan('consumer', `process ${topic}`, { parent, attributes });
    const status = store.apply(fact, position);
    span.end();
    if (status === undefined) return undefined;
    trail.log('order updated', { orderId: fact.orderId, traceId: traceIdOf(span.trace), status, topic, partition, offset });
    return fact.orderId;
  };

  return {
    /** @throws what is no fault of the record */
    handle: ({ topic, partition, message }: { topic: string; partition: number; message: KafkaMessage }): void => {
      try {
        const orderId = fold(topic, partition, message);
        onRecord(topic, orderId === undefined ? 'unchanged' : 'applied');
        if (orderId !== undefined) feed.note(topic, partition, message.offset, orderId);
      } catch (error) {
        // Anything else is a defect: skipping the record would hide it, and the order would be lost in silence.
        if (!(error instanceof UnreadableRecordError)) throw error;
        unreadable += 1;
        onRecord(topic, 'unreadable');
        const reason = error.message;
        const traceId = traceIdOf(traceOf(message.headers));
        logger.warn('record skipped: cannot be read', { topic, partition, offset: message.offset, traceId, reason, unreadable });
      }
    },
  };
};
