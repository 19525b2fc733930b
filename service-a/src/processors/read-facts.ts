import type { KafkaMessage } from 'kafkajs';
import type { OrderFact } from '../kafka/messages';
import { traceIdOf } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import type { OrderStatus } from './projection';
import { createRecordReader, type RecordReaderDeps } from './read-record';

export type Facts = {
  /** What the records say of orders, in their order. */
  readonly facts: readonly { readonly offset: string; readonly fact: OrderFact }[];
  /** Tells of each of them, once they are applied. */
  readonly applied: (changed: readonly { readonly orderId: string; readonly status: OrderStatus }[]) => void;
};

/** Reads what the records of a batch say. */
export const createFactReader = ({ trail, ...deps }: RecordReaderDeps & { trail: Pick<Trail, 'log'> }) => {
  const { onRecord } = deps;
  const { factOf, spanOf } = createRecordReader(deps);

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
