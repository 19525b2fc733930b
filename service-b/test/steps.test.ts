import type { ConsumedRecord } from '../src/kafka/consumed-record';
import { readDeadLetter } from '../src/kafka/dead-letter';
import type { OutcomeRecord } from '../src/kafka/publisher';
import type { PaymentCompleted } from '../src/processors/payment';
import { createSteps } from '../src/steps';
import type { StartSpan } from '../src/utils/tracing';
import { aRecord, orderIdOf } from './support/builders';

const ever = new AbortController().signal;
const traceparent = (digit: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
const id = orderIdOf(0);
const event: PaymentCompleted = {
  eventType: 'PAYMENT_COMPLETED', eventId: 'e', timestamp: '2026-11-22T10:00:00.000Z',
  data: { orderId: id, paymentId: 'p', paymentStatus: 'completed', amount: 1, currency: 'USD', processedAt: '2026-11-22T10:00:00.000Z' },
};

/** The steps over topics, figures, a trail and spans that keep what they are told; every span is of the trace 2222… */
const theSteps = () => {
  const published: (OutcomeRecord & { topic: string })[] = [];
  const told: string[] = [];
  const spans: { name: string; parent: string | undefined; links: number; attributes: object }[] = [];
  const start: StartSpan = (_kind, name, { parent, links = [], attributes }) => {
    spans.push({ name, parent: parent?.traceparent, links: links.length, attributes: attributes() });
    return { trace: { traceparent: traceparent('2') }, end: () => undefined };
  };
  const topic = (name: string) => ({
    topic: name,
    publish: async (record: OutcomeRecord) => {
      published.push({ topic: name, ...record });
      return { partition: 2, offset: '7' };
    },
  });
  const steps = createSteps({
    groupId: 'g', codec: { writePayment: async () => 'paid' }, payments: topic('payments'), deadLetters: topic('orders.DLT'), tracer: { start },
    metrics: { finished: (outcome) => void told.push(outcome), deadLettered: (type) => void told.push(type) },
    trail: { log: (message, fields) => void told.push(`${message} ${JSON.stringify(fields)}`) },
  });
  return { steps, published, told, spans };
};

test('When a record is consumed, then its span follows from its trace, and what is processed is a part of that', async () => {
  const { steps, told, spans } = theSteps();
  const processed: ConsumedRecord[] = [];
  const consume = steps.consume(async (record) => void processed.push(record));
  await consume(aRecord({ headers: { traceparent: traceparent('1') } }), ever);
  expect(spans).toMatchObject([{ name: 'process orders', parent: traceparent('1'), links: 0, attributes: { 'kafka.offset': 42 } }]);
  expect(processed[0]!.trace).toEqual({ traceparent: traceparent('2') });
  expect(told).toEqual([`order consumed {"orderId":"${id}","traceId":"${'2'.repeat(32)}","topic":"orders","partition":1,"offset":"42"}`]);
});

test('When it was put back, then its span also points to where its first try ended', async () => {
  const { steps, spans } = theSteps();
  await steps.consume(async () => undefined)(aRecord({ headers: { 'traceparent': traceparent('1'), 'redrive-count': '1' } }), ever);
  expect(spans[0]!.links).toBe(1);
});

test('When an order is paid, then the payment is published under its key within the trace, and counted and told afterwards', async () => {
  const { steps, published, told } = theSteps();
  await steps.publishPayment(event, aRecord(), ever);
  expect(published).toMatchObject([{ topic: 'payments', key: Buffer.from(id), value: 'paid', fallbackPartition: 1 }]);
  expect(String(published[0]!.headers?.['traceparent'])).toBe(traceparent('2'));
  expect(told).toEqual(['paid', `payment published {"orderId":"${id}","paymentId":"p","topic":"payments","partition":2,"offset":"7"}`]);
});

test('When a record fails, then its dead letter is published under its key, and counted by its error and told', async () => {
  const { steps, published, told, spans } = theSteps();
  await steps.publishDeadLetter({ record: aRecord(), error: new RangeError('too far'), retryCount: 3 }, ever);
  expect(published).toMatchObject([{ topic: 'orders.DLT', key: Buffer.from(id), fallbackPartition: 1 }]);
  expect(readDeadLetter(Buffer.from(published[0]!.value as string))).toMatchObject({ errorType: 'RangeError', retryCount: 3 });
  expect(spans).toMatchObject([{ name: 'send orders.DLT', attributes: { 'dead_letter.error_type': 'RangeError', 'dead_letter.retry_count': 3 } }]);
  expect(told.slice(0, 2)).toEqual(['dead_lettered', 'RangeError']);
  expect(told[2]).toMatch(/^order dead-lettered .*"errorType":"RangeError","retryCount":3/);
});

test('When the gateway is asked again, then the retry is told with the position of the record', () => {
  const { steps, told } = theSteps();
  steps.tellRetry({ record: aRecord(), orderId: id, attempt: 1, reason: 'busy', retryInMs: 5 });
  expect(told).toEqual([`payment retried {"orderId":"${id}","attempt":1,"reason":"busy","retryInMs":5,"topic":"orders","partition":1,"offset":"42"}`]);
});
