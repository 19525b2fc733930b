import type { KafkaMessage } from 'kafkajs';
import { createLogReader } from '../../src/processors/follow-log';
import { canonicalText } from '../../src/kafka/messages';
import { createProjection } from '../../src/processors/projection';
import { createTrail } from '../../src/utils/trail';
import { anOrder, anOrderCreated, created, failed, orderIdOf, shown } from '../support/builders';
import { recordingLogger, sample } from '../support/fakes';
import { recordingTracer } from '../support/tracing';

const topics = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };

const message = (key: string | null, value: Buffer | null, offset = '7', headers: Record<string, Buffer> = {}): KafkaMessage =>
  ({ key: key === null ? null : Buffer.from(key), value, offset, timestamp: '0', attributes: 0, headers });

const aReader = () => {
  const { logger, lines } = recordingLogger();
  const projection = createProjection({ max: 100 });
  const trail = createTrail({ logger, perSecond: 100 });
  trail.close();
  const noted: string[] = [];
  const feed = { note: (...change: unknown[]): void => void noted.push(change.join(' ')) };
  const told: string[] = [];
  const onRecord = (topic: string, outcome: string): void => void told.push(`${topic} ${outcome}`);
  const { startSpan, spans } = recordingTracer();
  const reader = createLogReader({ topics, groupId: 'readers', projection, feed, onRecord, startSpan, trail, logger });
  const read = (topic: string, key: string | null, value: Buffer | null, offset?: string, headers?: Record<string, Buffer>): void =>
    reader.handle({ topic, partition: 1, message: message(key, value, offset, headers) });
  const statusOf = (orderId: string) => shown(projection.get(orderId))?.status;
  return { ...reader, read, statusOf, projection, lines, noted, told, spans };
};

describe('records are folded', () => {
  test('When the samples of an order are read, then it is completed', () => {
    const { read, statusOf } = aReader();
    read('orders', orderIdOf(0), sample('order-created'));
    expect(statusOf(orderIdOf(0))).toBe('pending');
    read('payments', orderIdOf(0), sample('payment-completed'));
    expect(statusOf(orderIdOf(0))).toBe('completed');
  });

  test('When the sample of a declined order is read, then it is failed, and the trail says so', () => {
    const { read, statusOf, lines } = aReader();
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'));
    expect(statusOf(orderIdOf(2))).toBe('failed');
    expect(lines).toMatchObject([
      { level: 'info', message: 'order updated', orderId: orderIdOf(2), status: 'failed', topic: 'orders.DLT', partition: 1, offset: '7' },
    ]);
  });
});

describe('changes are noted', () => {
  const id = orderIdOf(0);

  test('When records change an order, then each is noted with its place, and one that repeats another is not', () => {
    const { read, noted } = aReader();
    read('orders', id, sample('order-created'), '7');
    read('orders', id, sample('order-created'), '8');
    read('payments', id, sample('payment-completed'), '3');
    expect(noted).toEqual([`orders 1 7 ${id}`, `payments 1 3 ${id}`]);
  });

  test('When an order was shown at its acknowledgement, then it is unconfirmed until the log delivers it, which is noted', () => {
    const { read, noted, projection, expectOwn, unconfirmed } = aReader();
    projection.apply(created(), 'broker-ack');
    expectOwn({ partition: 1, offset: '7', orderId: id });
    expect(unconfirmed()).toEqual([id]);
    read('orders', id, sample('order-created'), '7');
    expect(unconfirmed()).toEqual([]);
    expect(noted).toEqual([`orders 1 7 ${id}`]);
  });

  test('When a record says how often it was redriven, then the order shows its attempts', () => {
    const { read, projection } = aReader();
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'));
    read('orders', orderIdOf(2), Buffer.from(JSON.stringify(anOrderCreated({ data: anOrder({ orderId: orderIdOf(2) }) }))), '8',
      { 'redrive-count': Buffer.from('1') });
    expect(shown(projection.get(orderIdOf(2)))).toMatchObject({ status: 'failed', attempts: 2 });
  });
});

describe('12.1 records whose headers have no value', () => {
  const noValue = null as unknown as Buffer;
  const headers = { 'traceparent': noValue, 'tracestate': noValue, 'redrive-count': noValue, '': noValue };

  test('When they are of any of the topics, then they are folded as without them', () => {
    const { read, statusOf, told } = aReader();
    read('orders', orderIdOf(0), sample('order-created'), '7', headers);
    read('payments', orderIdOf(0), sample('payment-completed'), '7', headers);
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'), '7', headers);
    expect([statusOf(orderIdOf(0)), statusOf(orderIdOf(2))]).toEqual(['completed', 'failed']);
    expect(told).toEqual(['orders applied', 'payments applied', 'orders.DLT applied']);
  });

  test('When such a record cannot be read, then it is skipped', () => {
    const { read, lines } = aReader();
    for (const topic of Object.values(topics)) read(topic, orderIdOf(0), Buffer.from('{bad'), '7', headers);
    expect(lines.map(({ message }) => message)).toEqual(Array(3).fill('record skipped: cannot be read'));
  });
});

describe('records within a trace', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  test('When an outcome is read, then its span follows from the one that sent it, and the trail has the trace id', () => {
    const { read, spans, lines } = aReader();
    read('payments', orderIdOf(0), sample('payment-completed'), '7', { traceparent: Buffer.from(traceparent) });
    expect(spans).toEqual([{ kind: 'consumer', name: 'process payments', parent: { traceparent }, attributes: {
      'messaging.system.name': 'kafka', 'messaging.operation.name': 'process', 'messaging.operation.type': 'process',
      'messaging.destination.name': 'payments', 'messaging.destination.partition.id': '1', 'kafka.offset': 7,
      'kafka.message.key': orderIdOf(0), 'messaging.consumer.group.name': 'readers',
    } }]);
    expect(lines).toMatchObject([{ message: 'order updated', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });

  test('When a record cannot be read, then the warning has the trace id', () => {
    const { read, lines } = aReader();
    read('orders', null, null, '7', { traceparent: Buffer.from(traceparent) });
    expect(lines).toMatchObject([{ level: 'warn', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });
});

describe('records are skipped', () => {
  test.each(['orders', 'payments', 'orders.DLT'])('When a record of %s cannot be read, then it is counted and logged, and reading goes on', (topic) => {
    const { read, projection, lines } = aReader();
    read(topic, null, null);
    read(topic, 'k', Buffer.from('{'));
    expect(lines).toMatchObject([
      { level: 'warn', topic, partition: 1, offset: '7', unreadable: 1 },
      { level: 'warn', topic, partition: 1, offset: '7', unreadable: 2 },
    ]);
    expect(projection.size()).toBe(0);
  });

  test.each(['bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])('When the dead letter %s says nothing of an order, then nothing changes', (name) => {
    const { read, projection, lines } = aReader();
    read('orders.DLT', null, sample(`dead-letter-${name}`));
    expect(projection.size()).toBe(0);
    expect(lines).toEqual([]);
  });
});

describe('records that this process published', () => {
  const id = orderIdOf(0);
  const createdBytes = (amount: number): Buffer => Buffer.from(JSON.stringify(anOrderCreated({ data: anOrder({ amount }) })));
  const amountOf = ({ projection }: ReturnType<typeof aReader>): number | undefined => shown(projection.get(id))?.amount;

  test('When the log delivers one, then it has the last word over what comes later under its id', () => {
    const it = aReader();
    it.projection.apply(created(), 'broker-ack');
    it.expectOwn({ partition: 1, offset: '7', orderId: id });
    it.read('orders', id, sample('order-created'), '7');
    it.read('orders', id, createdBytes(1), '8');
    expect(amountOf(it)).toBe(99.99);
  });

  test('When another order lies before it in the log, then that one stands', () => {
    const it = aReader();
    it.projection.apply(created(), 'broker-ack');
    it.expectOwn({ partition: 1, offset: '7', orderId: id });
    it.read('orders', id, createdBytes(1), '6');
    it.read('orders', id, sample('order-created'), '7');
    expect(amountOf(it)).toBe(1);
  });

  test('When its dead letter was read before the acknowledgement came, then the log has the last word all the same', () => {
    const it = aReader();
    it.projection.apply(failed());
    it.projection.apply(created(), 'broker-ack');
    it.expectOwn({ partition: 1, offset: '7', orderId: id });
    it.read('orders', id, sample('order-created'), '7');
    it.read('orders', id, createdBytes(1), '8');
    expect(amountOf(it)).toBe(99.99);
  });

  test('When the record at its offset is another one, then that is read', () => {
    const it = aReader();
    const orderId = orderIdOf(1);
    it.expectOwn({ partition: 1, offset: '7', orderId });
    it.read('orders', id, sample('order-created'), '7');
    expect(it.projection.get(id)?.order?.text).toBe(canonicalText(anOrder()));
  });

  test('When the log was read past it already, then it is not waited for', () => {
    const it = aReader();
    it.read('orders', id, sample('order-created'), '7');
    it.expectOwn({ partition: 1, offset: '7', orderId: id });
    it.read('orders', id, sample('order-created'), '7');
    expect(it.projection.get(id)?.order?.source).toBe('log');
  });
});

describe('12.11 what goes wrong', () => {
  test('When the fault is none of the record, then it is thrown on: skipping the record would lose it in silence', () => {
    const { read, projection } = aReader();
    jest.spyOn(projection, 'apply').mockImplementation(() => {
      throw new TypeError('a defect');
    });
    expect(() => read('orders', orderIdOf(0), sample('order-created'))).toThrow('a defect');
  });
});
