import type { Codec } from './kafka/codec';
import type { ConsumedRecord } from './kafka/consumed-record';
import { toDeadLetter } from './kafka/dead-letter';
import { withTrace } from './kafka/header-changes';
import type { OutcomeRecord, Position, Publisher } from './kafka/publisher';
import { redriveCountOf } from './kafka/redrive-headers';
import { positionAttributes, recordAttributes, shortTextOf } from './kafka/span-attributes';
import type { Metrics } from './metrics';
import type { PublishDeadLetter, PublishPayment, Retry } from './processors/process-order';
import { endWith, traceIdOf, traceOf, type Attributes, type TraceHeaders, type Tracer } from './utils/tracing';
import type { Trail } from './utils/trail';

type Topic = Pick<Publisher, 'publish'> & { topic: string };

/** The steps of a record, from consumption to its outcome on the broker, each with what it tells: a span, a line of the trail, a figure. */
export const createSteps = ({ groupId, codec, payments, deadLetters, tracer, metrics, trail }: {
  groupId: string;
  codec: Pick<Codec, 'writePayment'>;
  payments: Topic;
  deadLetters: Topic;
  tracer: Pick<Tracer, 'start'>;
  metrics: Pick<Metrics, 'finished' | 'deadLettered'>;
  trail: Pick<Trail, 'log'>;
}) => {
  /** Publishes an outcome as a part of the trace of its record. */
  const publishWithin = (
    parent: TraceHeaders | undefined, { topic, publish }: Topic, outcome: OutcomeRecord, signal: AbortSignal, more?: Attributes,
  ): Promise<Position> => {
    const attributes = () => ({ ...recordAttributes('send', topic, outcome.key), ...more });
    const span = tracer.start('producer', `send ${topic}`, { parent, attributes });
    const traced = span.trace === undefined ? outcome : { ...outcome, headers: withTrace(outcome.headers ?? {}, span.trace) };
    return endWith(span, publish(traced, signal), positionAttributes);
  };

  /** Begins the span of a record, and ends it with its outcome. */
  const consume = (process: (record: ConsumedRecord, signal: AbortSignal) => Promise<void>) =>
    (record: ConsumedRecord, signal: AbortSignal): Promise<void> => {
      const { topic, partition, message } = record;
      const { key, headers, offset } = message;
      const parent = traceOf(headers);
      const attributes = () => ({
        ...recordAttributes('process', topic, key), ...positionAttributes({ partition, offset }), 'messaging.consumer.group.name': groupId,
      });
      // What was put back goes on in the trace of its first try, and points to where that ended.
      const links = parent !== undefined && redriveCountOf(headers) > 0 ? [parent] : [];
      const span = tracer.start('consumer', `process ${topic}`, { parent, links, attributes });
      trail.log('order consumed', { orderId: key === null ? undefined : shortTextOf(key), traceId: traceIdOf(span.trace), topic, partition, offset });
      return endWith(span, process({ topic, partition, message, trace: span.trace }, signal));
    };

  const tellRetry = ({ record: { topic, partition, message, trace }, ...retry }: Retry<ConsumedRecord>): void =>
    trail.log('payment retried', { ...retry, traceId: traceIdOf(trace), topic, partition, offset: message.offset });

  const publishPayment: PublishPayment<ConsumedRecord> = async (event, { partition, message, trace }, signal) => {
    const { orderId, paymentId } = event.data;
    const value = await codec.writePayment(event, signal);
    const outcome = { key: Buffer.from(orderId), value, fallbackPartition: partition };
    const { partition: at, offset } = await publishWithin(trace, payments, outcome, signal);
    metrics.finished('paid', message.timestamp);
    trail.log('payment published', { orderId, paymentId, traceId: traceIdOf(trace), topic: payments.topic, partition: at, offset });
  };

  const publishDeadLetter: PublishDeadLetter<ConsumedRecord> = async ({ record, error, retryCount }, signal) => {
    const { key } = record.message;
    const { value, headers } = toDeadLetter({ record, error, retryCount, failedAt: new Date(), groupId });
    const outcome = { key, value, headers, fallbackPartition: record.partition };
    const why = { 'dead_letter.error_type': error.name, 'dead_letter.retry_count': retryCount };
    const position = await publishWithin(record.trace, deadLetters, outcome, signal, why);
    metrics.finished('dead_lettered', record.message.timestamp);
    metrics.deadLettered(error.name);
    trail.log('order dead-lettered', {
      orderId: key === null ? undefined : shortTextOf(key), errorType: error.name, retryCount, traceId: traceIdOf(record.trace),
      topic: deadLetters.topic, ...position,
    });
  };

  return { consume, tellRetry, publishPayment, publishDeadLetter };
};
