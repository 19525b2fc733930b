import { avroTypeOf, encodeAvro, SchemaNeededError } from '../../src/kafka/avro';
import { createCodec } from '../../src/kafka/codec';
import { createRecordHandler } from '../../src/kafka/record-handler';
import { readDeadLetter, readOrderCreated, UnreadableRecordError } from '../../src/kafka/messages';
import { createRegistryClient } from '../../src/kafka/registry-client';
import { ordersValue } from '../../src/kafka/schemas/orders-value';
import { paymentsValue } from '../../src/kafka/schemas/payments-value';
import { canonicalText } from '../../src/processors/order';
import { NotAppendedError } from '../../src/processors/place-order';
import { utf8OrderRequestSchema } from '../../src/routes/order-request';
import { createMemoryStore } from '../../src/store/memory';
import { anOrder, anOrderCreated, orderIdOf, shown } from '../support/builders';
import { eventually, recordingLogger, sample } from '../support/fakes';
import { aRegistry, type TestRegistry } from '../support/registry';
import { recordingTracer } from '../support/tracing';

const topics = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };
const theKey = Buffer.from(orderIdOf(0));
const event = { eventId: anOrderCreated().eventId, timestamp: anOrderCreated().timestamp, order: canonicalText(anOrder()) };
const avroOrder = encodeAvro(avroTypeOf(ordersValue), 1, anOrderCreated());
const payment = JSON.parse(sample('payment-completed').toString()) as unknown;
const avroPayment = encodeAvro(avroTypeOf(paymentsValue), 2, payment);

let registry: TestRegistry;
const stops: (() => void)[] = [];

beforeEach(async () => {
  registry = await aRegistry();
});

afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await registry.close();
});

const aCodec = ({ url }: { url?: string } = {}) => {
  const { logger } = recordingLogger();
  const client = url === undefined ? undefined : createRegistryClient({ url, caFile: undefined, credentials: undefined });
  const codec = createCodec({ topics, registry: client, logger });
  stops.push(codec.stop);
  codec.start();
  return codec;
};

const ready = async () => {
  registry.register('orders-value', ordersValue);
  registry.register('payments-value', paymentsValue);
  const codec = aCodec(registry);
  const isRead = (value: Buffer, read: (value: Buffer) => unknown) => (): boolean => {
    try {
      return read(value) !== undefined;
    } catch {
      return false;
    }
  };
  await eventually(() => codec.checks().schemaRegistered === true);
  await eventually(isRead(avroOrder, codec.readOrder));
  await eventually(isRead(avroPayment, codec.readPayment));
  return codec;
};

describe('with a registry', () => {
  test('When an order is written, then it is Avro under the id of its schema, and reads as the JSON event does', async () => {
    const codec = await ready();
    const value = codec.writeOrder(event);
    expect(value.subarray(0, 5).toString('hex')).toBe('0000000001');
    const json = Buffer.from(JSON.stringify(anOrderCreated()));
    expect(readOrderCreated(theKey, codec.readOrder(value))).toEqual(readOrderCreated(theKey, codec.readOrder(json)));
  });

  test('When the largest numbers that an order may have are written, then they are read again', async () => {
    const codec = await ready();
    const most = Number.MAX_SAFE_INTEGER;
    const order = canonicalText(anOrder({ amount: most, items: [{ productId: 'p', quantity: most, price: most }] }));
    expect(readOrderCreated(theKey, codec.readOrder(codec.writeOrder({ ...event, order })))).toMatchObject({ order });
  });

  test('When the id of the own schema is not known, then nothing is written, and readiness says so', () => {
    const codec = aCodec(registry);
    expect(() => codec.writeOrder(event)).toThrow(NotAppendedError);
    expect(codec.checks()).toEqual({ schemaRegistered: false, schemasReadable: true });
  });

  test('When a text cannot be written, then the broker certainly has nothing', async () => {
    const codec = await ready();
    const order = canonicalText(anOrder({ userId: '\ud800' }));
    expect(() => codec.writeOrder({ ...event, order })).toThrow(NotAppendedError);
  });

  test('When a dead letter has an original that is Avro, then it is about that order', async () => {
    const codec = await ready();
    const letter = { ...JSON.parse(sample('dead-letter-declined').toString()) as object, originalKey: orderIdOf(0), originalValueEncoding: 'base64' };
    const of = (value: Buffer) => readDeadLetter(Buffer.from(JSON.stringify({ ...letter, originalValue: value.toString('base64') })), {}, codec.readOrder);
    expect(of(avroOrder)).toMatchObject({ kind: 'failed', orderId: orderIdOf(0), order: event.order });
    expect(of(Buffer.concat([avroOrder, Buffer.alloc(1)]))).toBeUndefined();
    expect(() => of(Buffer.from([0, 0, 0, 0, 9, 1]))).toThrow(SchemaNeededError);
  });

  test('When records of JSON and of Avro follow each other, then each is folded', async () => {
    const codec = await ready();
    const { logger, lines } = recordingLogger();
    const store = createMemoryStore({ max: 10 });
    const reader = createRecordHandler({
      codec, topics, groupId: 'g', store, feed: { note: () => undefined }, onRecord: () => undefined, startSpan: recordingTracer().startSpan,
      trail: { log: () => undefined, close: () => undefined }, logger,
    });
    const other = { ...anOrderCreated(), data: anOrder({ orderId: orderIdOf(1) }) };
    const records: [string, string, Buffer][] = [
      ['orders', orderIdOf(0), avroOrder], ['orders', orderIdOf(1), Buffer.from(JSON.stringify(other))], ['payments', orderIdOf(0), avroPayment],
    ];
    records.forEach(([topic, key, value], i) => reader.handle({
      topic, partition: 0, message: { key: Buffer.from(key), value, offset: String(i), timestamp: '0', attributes: 0, headers: {} },
    }));
    expect(shown(await store.get(orderIdOf(0)))).toMatchObject({ status: 'completed', ...anOrder() });
    expect(shown(await store.get(orderIdOf(1)))).toMatchObject({ status: 'pending' });
    expect(lines).toEqual([]);
  });
});

describe('without a registry', () => {
  test('When an order is written, then it is the JSON text of its event', () => {
    expect(JSON.parse(aCodec().writeOrder(event).toString())).toEqual(anOrderCreated());
    expect(aCodec().checks()).toEqual({ schemasReadable: true });
  });

  test('When Avro lies there from before, then it is read by the schemas that are compiled in', () => {
    const codec = aCodec();
    expect(readOrderCreated(theKey, codec.readOrder(avroOrder))).toMatchObject({ order: event.order });
    expect(codec.readPayment(avroPayment)).toMatchObject({ eventType: 'PAYMENT_COMPLETED' });
  });

  test('When bytes begin with a zero and are nothing, then they cannot be read, as ever', () => {
    for (const value of [Buffer.from([0]), Buffer.from([0, 0xff, 1]), Buffer.from([0, 1, 2, 3, 4, 5, 6])]) {
      expect(() => aCodec().readOrder(value)).toThrow(UnreadableRecordError);
    }
  });
});

test('When an order has half of a surrogate pair, then it is refused for that field where Avro is written', () => {
  const item = { productId: 'p', quantity: 1, price: 0 };
  const { error } = utf8OrderRequestSchema.safeParse(anOrder({ userId: 'a\udc00', items: [item, { ...item, productId: '\ud83d' }] }));
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['userId', 'items.1.productId']);
  expect(utf8OrderRequestSchema.safeParse(anOrder({ userId: '😀' })).success).toBe(true);
});
