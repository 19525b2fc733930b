import type { KafkaMessage } from 'kafkajs';
import type { OrderFact } from '../processors/facts';
import type { OrderStatus } from '../processors/projection';
import { traceIdOf, type Span } from '../utils/tracing';
import type { Trail } from '../utils/trail';
import { SchemaNeededError } from './avro';
import { createRecordReader, type RecordReaderDeps } from './read-record';

export type Facts = {
  /** So many records were read. */
  readonly count: number;
  /** Why not all of them: what the next one is waiting for. */
  readonly needs?: SchemaNeededError | undefined;
  /** What the records say of orders, in their order. */
  readonly facts: readonly { readonly offset: string; readonly fact: OrderFact }[];
  /** Tells of each of them, once they are applied. */
  readonly applied: (changed: readonly { readonly orderId: string; readonly status: OrderStatus }[]) => void;
};

/** Reads what the records of a batch say, up to the first one whose schema is not known yet. */
export const createFactReader = ({ trail, ...deps }: RecordReaderDeps & { trail: Pick<Trail, 'log'> }) => {
  const { onRecord } = deps;
  const { factOf, spanOf } = createRecordReader(deps);

  return (topic: string, partition: number, messages: readonly KafkaMessage[]): Facts => {
    const read: { offset: string; fact: OrderFact; span: Span | undefined }[] = [];
    let count = 0;
    let needs: SchemaNeededError | undefined;
    try {
      for (const message of messages) {
        const fact = factOf(topic, partition, message);
        if (fact !== undefined) read.push({ offset: message.offset, fact, span: fact.kind === 'created' ? undefined : spanOf(topic, partition, message) });
        count += 1;
      }
    } catch (error) {
      if (!(error instanceof SchemaNeededError)) throw error;
      needs = error;
    }
    return {
      count,
      needs,
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
