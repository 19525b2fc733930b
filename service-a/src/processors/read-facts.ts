import type { KafkaMessage } from 'kafkajs';
import { readDeadLetter, readOrderCreated, readPaymentCompleted, UnreadableRecordError, type OrderFact } from '../kafka/messages';
import { positionAttributes, recordAttributes } from '../kafka/span-attributes';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf, type Span, type StartSpan } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import type { FoldOutcome } from './follow-log';
import type { OrderStatus } from './projection';

type Read = (key: Buffer | null, value: Buffer | null, headers?: KafkaMessage['headers']) => OrderFact | undefined;

export type Facts = {
  /** What the records say of orders, in their order. */
  readonly facts: readonly { readonly offset: string; readonly fact: OrderFact }[];
  /** Tells of each of them, once they are applied. */
  readonly applied: (changed: readonly { readonly orderId: string; readonly status: OrderStatus }[]) => void;
};

/** By topic, what reads its records. */
const readersOf = (topics: { orders: string; payments: string; deadLetters: string }) => new Map<string, Read>([
  [topics.orders, readOrderCreated],
  [topics.payments, readPaymentCompleted],
  [topics.deadLetters, readDeadLetter],
]);

/** Reads what the records of a batch say; one that cannot be read is counted, logged and skipped. */
export const createFactReader = ({ topics, groupId, onRecord, startSpan, trail, logger }: {
  topics: { orders: string; payments: string; deadLetters: string };
  /** Of the consumer that delivers the records. */
  groupId: string;
  /** Hears of each record what it did to the state. */
  onRecord: (topic: string, outcome: FoldOutcome) => void;
  startSpan: StartSpan;
  trail: Pick<Trail, 'log'>;
  logger: Logger;
}) => {
  const readers = readersOf(topics);
  let unreadable = 0;

  const factOf = (topic: string, partition: number, { key, value, headers, offset }: KafkaMessage): OrderFact | undefined => {
    try {
      const fact = readers.get(topic)?.(key, value, headers);
      if (fact === undefined) onRecord(topic, 'unchanged');
      return fact;
    } catch (error) {
      // Anything else is a defect: skipping the record would hide it, and the order would be lost in silence.
      if (!(error instanceof UnreadableRecordError)) throw error;
      unreadable += 1;
      onRecord(topic, 'unreadable');
      const reason = error.message;
      logger.warn('record skipped: cannot be read', { topic, partition, offset, traceId: traceIdOf(traceOf(headers)), reason, unreadable });
      return undefined;
    }
  };

  /** What is made of an order after it was placed is a span of its own, in its trace. */
  const spanOf = (topic: string, partition: number, { key, offset, headers }: KafkaMessage): Span => startSpan('consumer', `process ${topic}`, {
    parent: traceOf(headers),
    attributes: () => ({
      ...recordAttributes('process', topic, key), ...positionAttributes({ partition, offset }), 'messaging.consumer.group.name': groupId,
    }),
  });

  return (topic: string, partition: number, messages: readonly KafkaMessage[]): Facts => {
    const read = messages.flatMap((message) => {
      const fact = factOf(topic, partition, message);
      return fact === undefined ? [] : [{ offset: message.offset, fact, span: fact.kind === 'created' ? undefined : spanOf(topic, partition, message) }];
    });
    return {
      facts: read,
      applied: (changed) => {
        const statuses = new Map(changed.map(({ orderId, status }) => [orderId, status]));
        for (const { offset, fact: { orderId }, span } of read) {
          span?.end();
          const status = statuses.get(orderId);
          onRecord(topic, status === undefined ? 'unchanged' : 'applied');
          if (status === undefined || span === undefined) continue;
          trail.log('order updated', { orderId, traceId: traceIdOf(span.trace), status, topic, partition, offset });
        }
      },
    };
  };
};
