import type { KafkaMessage } from 'kafkajs';
import type { OrderFact } from '../processors/facts';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf, type Span, type StartSpan } from '../utils/tracing';
import type { Codec } from './codec';
import { readDeadLetter, readOrderCreated, readPaymentCompleted, UnreadableRecordError } from './messages';
import { positionAttributes, recordAttributes } from './span-attributes';

/** `applied`: what is known of an order changed or was confirmed; `unchanged`: it was known already, or is about no order. */
export type FoldOutcome = 'applied' | 'unchanged' | 'unreadable';

type Read = (key: Buffer | null, value: Buffer | null, headers?: KafkaMessage['headers']) => OrderFact | undefined;

export type RecordReaderDeps = {
  codec: Pick<Codec, 'readOrder' | 'readPayment'>;
  topics: { orders: string; payments: string; deadLetters: string };
  /** Of the consumer that delivers the records. */
  groupId: string;
  /** Hears of each record what it did to the state. */
  onRecord: (topic: string, outcome: FoldOutcome) => void;
  startSpan: StartSpan;
  logger: Logger;
};

/** Reads what a record says of an order, whatever holds the orders. */
export const createRecordReader = ({ codec, topics, groupId, onRecord, startSpan, logger }: RecordReaderDeps) => {
  const readers = new Map<string, Read>([
    [topics.orders, (key, value, headers) => readOrderCreated(key, codec.readOrder(value), headers)],
    [topics.payments, (_key, value) => readPaymentCompleted(codec.readPayment(value))],
    [topics.deadLetters, (_key, value, headers) => readDeadLetter(value, headers, codec.readOrder)],
  ]);
  let unreadable = 0;

  return {
    /**
     * One that cannot be read is counted, logged and skipped.
     * @returns undefined when it says nothing of an order; then `onRecord` has been told
     * @throws SchemaNeededError; what is no fault of the record
     */
    factOf: (topic: string, partition: number, { key, value, headers, offset }: KafkaMessage): OrderFact | undefined => {
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
    },
    /** What is made of an order after it was placed is a span of its own, in its trace. */
    spanOf: (topic: string, partition: number, { key, offset, headers }: KafkaMessage): Span => startSpan('consumer', `process ${topic}`, {
      parent: traceOf(headers),
      attributes: () => ({
        ...recordAttributes('process', topic, key), ...positionAttributes({ partition, offset }), 'messaging.consumer.group.name': groupId,
      }),
    }),
  };
};
