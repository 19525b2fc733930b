import type { KafkaMessage } from 'kafkajs';
import { createCodec } from '../../src/kafka/codec';
import { createRecordHandler } from '../../src/kafka/record-handler';
import { canonicalText } from '../../src/processors/order';
import { createMemoryStore } from '../../src/store/memory';
import { createTrail } from '../../src/utils/trail';
import { anOrder, anOrderCreated, created, failed, orderIdOf, shown } from '../support/builders';
import { recordingLogger, sample } from '../support/fakes';
import { recordingTracer } from '../support/tracing';

const topics = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };

const message = (key: string | null, value: Buffer | null, offset = '7', headers: Record<string, Buffer> = {}): KafkaMessage =>
  ({ key: key === null ? null : Buffer.from(key), value, offset, timestamp: '0', attributes: 0, headers });

const aReader = () => {
  const { logger, lines } = recordingLogger();
  const store = createMemoryStore({ max: 100 });
  const trail = createTrail({ logger, perSecond: 100 });
  trail.close();
  const noted: string[] = [];
  const feed = { note: (...change: unknown[]): void => void noted.push(change.join(' ')) };
  const told: string[] = [];
  const onRecord = (topic: string, outcome: string): void => void told.push(`${topic} ${outcome}`);
  const { startSpan, spans } = recordingTracer();
  const reader = createRecordHandler({ codec: createCodec({ topics, registry: undefined, logger }), topics, groupId: 'readers', store, feed, onRecord, startSpan, trail, logger });
  const read = (topic: string, key: string | null, value: Buffer | null, offset?: string, headers?: Record<string, Buffer>): void =>
    reader.handle({ topic, partition: 1, message: message(key, value, offset, headers) });
  const statusOf = async (orderId: string) => shown(await store.get(orderId))?.status;
  return { read, statusOf, store, lines, noted, told, spans };
};

describe('records are folded', () => {
  test('When the samples of an order are read, then it is completed', async () => {
    const { read, statusOf } = aReader();
    read('orders', orderIdOf(0), sample('order-created'));
    expect(await statusOf(orderIdOf(0))).toBe('pending');
    read('payments', orderIdOf(0), sample('payment-completed'));
    expect(await statusOf(orderIdOf(0))).toBe('completed');
  });

  test('When the sample of a declined order is read, then it is failed, and the trail says so', async () => {
    const { read, statusOf, lines } = aReader();
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'));
    expect(await statusOf(orderIdOf(2))).toBe('failed');
    expect(lines).toMatchObject([
      { level: 'info', message: 'order updated', orderId: orderIdOf(2), status: 'failed', topic: 'orders.DLT', partition: 1, offset: '7' },
    ]);
  });
});

describe('changes are noted', () => {
  const id = orderIdOf(0);

  test('When records change an order, then each is noted with its place, and one that repeats another is not', async () => {
    const { read, noted } = aReader();
    read('orders', id, sample('order-created'), '7');
    read('orders', id, sample('order-created'), '8');
    read('payments', id, sample('payment-completed'), '3');
    expect(noted).toEqual([`orders 1 7 ${id}`, `payments 1 3 ${id}`]);
  });

  test('When an order was shown at its acknowledgement, then the log delivers it, which is noted', async () => {
    const { read, noted, told, store } = aReader();
    await store.claim(id, created().order);
    await store.acknowledge(id, { partition: 1, offset: '7' });
    read('orders', id, sample('order-created'), '7');
    expect([...store.unmet()]).toEqual([]);
    expect([noted, told]).toEqual([[`orders 1 7 ${id}`], ['orders applied']]);
  });

  test('When a record says how often it was redriven, then the order shows its attempts', async () => {
    const { read, store } = aReader();
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'));
    read('orders', orderIdOf(2), Buffer.from(JSON.stringify(anOrderCreated({ data: anOrder({ orderId: orderIdOf(2) }) }))), '8',
      { 'redrive-count': Buffer.from('1') });
    expect(shown(await store.get(orderIdOf(2)))).toMatchObject({ status: 'failed', attempts: 2 });
  });
});

describe('12.1 records whose headers have no value', () => {
  const noValue = null as unknown as Buffer;
  const headers = { 'traceparent': noValue, 'tracestate': noValue, 'redrive-count': noValue, '': noValue };

  test('When they are of any of the topics, then they are folded as without them', async () => {
    const { read, statusOf, told } = aReader();
    read('orders', orderIdOf(0), sample('order-created'), '7', headers);
    read('payments', orderIdOf(0), sample('payment-completed'), '7', headers);
    read('orders.DLT', orderIdOf(2), sample('dead-letter-declined'), '7', headers);
    expect([await statusOf(orderIdOf(0)), await statusOf(orderIdOf(2))]).toEqual(['completed', 'failed']);
    expect(told).toEqual(['orders applied', 'payments applied', 'orders.DLT applied']);
  });

  test('When such a record cannot be read, then it is skipped', async () => {
    const { read, lines } = aReader();
    for (const topic of Object.values(topics)) read(topic, orderIdOf(0), Buffer.from('{bad'), '7', headers);
    expect(lines.map(({ message }) => message)).toEqual(Array(3).fill('record skipped: cannot be read'));
  });
});

describe('records within a trace', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  test('When an outcome is read, then its span follows from the one that sent it, and the trail has the trace id', async () => {
    const { read, spans, lines } = aReader();
    read('payments', orderIdOf(0), sample('payment-completed'), '7', { traceparent: Buffer.from(traceparent) });
    expect(spans).toEqual([{ kind: 'consumer', name: 'process payments', parent: { traceparent }, attributes: {
      'messaging.system.name': 'kafka', 'messaging.operation.name': 'process', 'messaging.operation.type': 'process',
      'messaging.destination.name': 'payments', 'messaging.destination.partition.id': '1', 'kafka.offset': 7,
      'kafka.message.key': orderIdOf(0), 'messaging.consumer.group.name': 'readers',
    } }]);
    expect(lines).toMatchObject([{ message: 'order updated', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });

  test('When a record cannot be read, then the warning has the trace id', async () => {
    const { read, lines } = aReader();
    read('orders', null, null, '7', { traceparent: Buffer.from(traceparent) });
    expect(lines).toMatchObject([{ level: 'warn', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });
});

describe('records are skipped', () => {
  test.each(['orders', 'payments', 'orders.DLT'])('When a record of %s cannot be read, then it is counted and logged, and reading goes on', async (topic) => {
    const { read, store, lines } = aReader();
    read(topic, null, null);
    read(topic, 'k', Buffer.from('{'));
    expect(lines).toMatchObject([
      { level: 'warn', topic, partition: 1, offset: '7', unreadable: 1 },
      { level: 'warn', topic, partition: 1, offset: '7', unreadable: 2 },
    ]);
    expect(await store.get(orderIdOf(0))).toBeUndefined();
  });

  test.each(['bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])('When the dead letter %s says nothing of an order, then nothing changes', async (name) => {
    const { read, store, lines } = aReader();
    read('orders.DLT', null, sample(`dead-letter-${name}`));
    expect(await store.get(orderIdOf(0))).toBeUndefined();
    expect(lines).toEqual([]);
  });
});

describe('records that this process published', () => {
  const id = orderIdOf(0);
  const createdBytes = (amount: number): Buffer => Buffer.from(JSON.stringify(anOrderCreated({ data: anOrder({ amount }) })));
  const amountOf = async ({ store }: ReturnType<typeof aReader>): Promise<number | undefined> => shown(await store.get(id))?.amount;
  const published = async (it: ReturnType<typeof aReader>): Promise<void> => {
    await it.store.claim(id, canonicalText(anOrder()));
    await it.store.acknowledge(id, { partition: 1, offset: '7' });
  };

  test('When the log delivers one, then it is not read, and has the last word over what comes later under its id', async () => {
    const it = aReader();
    await published(it);
    it.read('orders', id, Buffer.from('not looked at'), '7');
    it.read('orders', id, createdBytes(1), '8');
    expect([await amountOf(it), it.told]).toEqual([99.99, ['orders applied', 'orders unchanged']]);
  });

  test('When another order lies before it in the log, then that one stands', async () => {
    const it = aReader();
    await published(it);
    it.read('orders', id, createdBytes(1), '6');
    it.read('orders', id, sample('order-created'), '7');
    expect(await amountOf(it)).toBe(1);
  });

  test('When its dead letter was read before the acknowledgement came, then the log has the last word all the same', async () => {
    const it = aReader();
    await it.store.claim(id, canonicalText(anOrder()));
    it.store.apply(failed(), { partition: 1, offset: '3' });
    await it.store.acknowledge(id, { partition: 1, offset: '7' });
    it.read('orders', id, sample('order-created'), '7');
    it.read('orders', id, createdBytes(1), '8');
    expect([await amountOf(it), await it.statusOf(id)]).toEqual([99.99, 'failed']);
  });

  test('When the record at its offset is of another order, then that is read', async () => {
    const it = aReader();
    await published(it);
    const other = anOrder({ orderId: orderIdOf(1) });
    it.read('orders', other.orderId, Buffer.from(JSON.stringify(anOrderCreated({ data: other }))), '7');
    expect((await it.store.get(other.orderId))?.order?.text).toBe(canonicalText(other));
  });

  test('When the log was read past it already, then it is not waited for', async () => {
    const it = aReader();
    await it.store.claim(id, canonicalText(anOrder()));
    it.read('orders', id, sample('order-created'), '7');
    await it.store.acknowledge(id, { partition: 1, offset: '7' });
    expect([...it.store.unmet()]).toEqual([]);
  });
});

describe('12.11 what goes wrong', () => {
  test('When the fault is none of the record, then it is thrown on: skipping the record would lose it in silence', async () => {
    const { read, store } = aReader();
    jest.spyOn(store, 'apply').mockImplementation(() => {
      throw new TypeError('a defect');
    });
    expect(() => read('orders', orderIdOf(0), sample('order-created'))).toThrow('a defect');
  });
});
