import type { KafkaMessage } from 'kafkajs';
import { readDeadLetter, readOrderCreated, readPaymentCompleted, UnreadableRecordError, type OrderFact } from '../kafka/messages';
import { positionAttributes, recordAttributes } from '../kafka/span-attributes';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf, type StartSpan } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import type { Feed } from './feed';
import type { Projection } from './projection';

/** Orders of one partition that are published and not read yet. */
const OWN_MAX = 50_000;

/** `applied`: what is known of an order changed or was confirmed; `unchanged`: it was known already, or is about no order. */
export type FoldOutcome = 'applied' | 'unchanged' | 'unreadable';

type Read = (key: Buffer | null, value: Buffer | null, headers?: KafkaMessage['headers']) => OrderFact | undefined;

/**
 * Folds each record of the three topics into the projection; one that cannot be read is counted, logged and skipped.
 * Orders that this process published itself were applied at the broker's acknowledgement: meeting them in the log only confirms them.
 */
export const createLogReader = ({ topics, groupId, projection, feed, onRecord, startSpan, trail, logger }: {
  topics: { orders: string; payments: string; deadLetters: string };
  /** Of the consumer that delivers the records. */
  groupId: string;
  projection: Pick<Projection, 'apply' | 'confirm'>;
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
  /** By partition of `orders`: what was published from here and not met yet, and the offset up to which the log was read. */
  const own = new Map<number, { orderIds: Map<string, string>; readTo: bigint }>();
  let unreadable = 0;

  const ownOf = (partition: number) => {
    let known = own.get(partition);
    if (known === undefined) own.set(partition, known = { orderIds: new Map(), readTo: -1n });
    return known;
  };

  /** The order of a record that this process published and applied: then there is nothing to read in it. */
  const confirmOwn = (partition: number, { offset, key }: KafkaMessage): string | undefined => {
    const known = ownOf(partition);
    known.readTo = BigInt(offset);
    const orderId = known.orderIds.get(offset);
    if (orderId === undefined) return undefined;
    known.orderIds.delete(offset);
    return orderId === key?.toString() && projection.confirm(orderId) ? orderId : undefined;
  };

  /** @returns the order that the record changed, if any */
  const fold = (topic: string, partition: number, message: KafkaMessage): string | undefined => {
    const own = topic === topics.orders ? confirmOwn(partition, message) : undefined;
    if (own !== undefined) return own;
    const fact = readers.get(topic)?.(message.key, message.value, message.headers);
    if (fact === undefined) return undefined;
    if (fact.kind === 'created') return projection.apply(fact) && fact.orderId;
    const { key, offset, headers } = message;
    const parent = traceOf(headers);
    const attributes = () => ({
      ...recordAttributes('process', topic, key), ...positionAttributes({ partition, offset }), 'messaging.consumer.group.name': groupId,
    });
    const span = startSpan('consumer', `process ${topic}`, { parent, attributes });
    const status = projection.apply(fact);
    span.end();
    if (status === undefined) return undefined;
    trail.log('order updated', { orderId: fact.orderId, traceId: traceIdOf(span.trace), status, topic, partition, offset });
    return fact.orderId;
  };

  return {
    /** Tells of a record that this process published, after it was applied. */
    expectOwn: ({ partition, offset, orderId }: { partition: number; offset: string; orderId: string }): void => {
      const known = ownOf(partition);
      if (BigInt(offset) <= known.readTo) return;
      known.orderIds.set(offset, orderId);
      // While nothing is read for long: the oldest is forgotten, and told again when the log delivers it.
      if (known.orderIds.size > OWN_MAX) known.orderIds.delete(known.orderIds.keys().next().value!);
    },
    /** Orders that were published from here and that the log has not delivered yet. */
    unconfirmed: (): string[] => [...own.values()].flatMap(({ orderIds }) => [...orderIds.values()]),
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
