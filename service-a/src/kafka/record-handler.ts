import type { KafkaMessage } from 'kafkajs';
import type { LogPosition, OrderFact } from '../processors/facts';
import type { Feed } from '../processors/feed';
import type { OrderStatus } from '../processors/projection';
import { traceIdOf } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import { createRecordReader, type RecordReaderDeps } from './read-record';

/**
 * Folds each record of the three topics into the store.
 * Orders that this process published itself are shown since the broker's acknowledgement: meeting them in the log only confirms them.
 */
export const createRecordHandler = ({ store, feed, trail, ...deps }: RecordReaderDeps & {
  store: {
    /** @returns the order's status if the fact changed what is known of it */
    apply: (fact: OrderFact, position: LogPosition) => OrderStatus | undefined;
    /** @returns whether this is the record of an order that was shown at its acknowledgement, and not met before */
    confirm: (orderId: string, partition: number, offset: string) => boolean;
  };
  feed: Pick<Feed, 'note'>;
  trail: Trail;
}) => {
  const { topics, onRecord } = deps;
  const { factOf, spanOf } = createRecordReader(deps);

  /** @returns whether the fact changed what is known of its order */
  const apply = (fact: OrderFact, topic: string, partition: number, message: KafkaMessage): boolean => {
    const { orderId } = fact;
    const { offset } = message;
    const position = { partition, offset };
    if (fact.kind === 'created') return store.apply(fact, position) !== undefined;
    const span = spanOf(topic, partition, message);
    const status = store.apply(fact, position);
    span.end();
    if (status === undefined) return false;
    trail.log('order updated', { orderId, traceId: traceIdOf(span.trace), status, topic, partition, offset });
    return true;
  };

  const noteApplied = (topic: string, partition: number, offset: string, orderId: string): void => {
    onRecord(topic, 'applied');
    feed.note(topic, partition, offset, orderId);
  };

  return {
    /** @throws what is no fault of the record */
    handle: ({ topic, partition, message }: { topic: string; partition: number; message: KafkaMessage }): void => {
      const { key, offset } = message;
      if (topic === topics.orders && key !== null) {
        const orderId = key.toString();
        if (store.confirm(orderId, partition, offset)) return void noteApplied(topic, partition, offset, orderId);
      }
      const fact = factOf(topic, partition, message);
      if (fact === undefined) return;
      if (apply(fact, topic, partition, message)) noteApplied(topic, partition, offset, fact.orderId);
      else onRecord(topic, 'unchanged');
    },
  };
};
