import { createCodec as createCodecA } from '../../service-a/src/kafka/codec';
import { createRegistryClient as createClientA } from '../../service-a/src/kafka/registry-client';
import { avroTypeOf, encodeAvro, SchemaNeededError } from '../../service-b/src/kafka/avro';
import { createCodec as createCodecB } from '../../service-b/src/kafka/codec';
import { createRegistryClient } from '../../service-b/src/kafka/registry-client';
import { ordersValue } from '../../service-b/src/kafka/schemas/orders-value';
import { createLogger } from '../../service-b/src/utils/logger';
import { latestOf, registerNext, withData } from '../drill/next-version';
import { registerUnder, registerVersion, startScratchRegistry } from '../lib/registry';
import { waitFor } from '../lib/process';

const logger = createLogger({ service: 'test', level: 'silent' });
const never = new AbortController().signal;
const schema = JSON.stringify(ordersValue);

const order = {
  orderId: '550e8400-e29b-41d4-a716-446655440000', userId: 'Zoë', amount: 99.99, currency: 'USD',
  items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
};
const event = { eventType: 'ORDER_CREATED', eventId: 'e-1', timestamp: '2026-11-22T10:00:00.000Z', data: order };

describe('A real schema registry', () => {
  let scratch: Awaited<ReturnType<typeof startScratchRegistry>>;
  let stop: (() => void)[] = [];
  beforeAll(async () => {
    scratch = await startScratchRegistry();
  });
  afterEach(() => {
    for (const one of stop) one();
    stop = [];
  });
  afterAll(() => scratch.remove());

  /** The codecs of both services on topics of their own, whose schemas are registered. */
  const startCodecs = async (name: string) => {
    const { url } = scratch.registry;
    const topics = { orders: `orders.${name}`, payments: `payments.${name}` };
    await registerUnder(url, topics);
    const a = createCodecA({ topics, registry: createClientA({ url, caFile: undefined, credentials: undefined }), logger });
    const b = createCodecB({ topics, registry: createRegistryClient({ url, caFile: undefined, credentials: undefined }), logger });
    for (const codec of [a, b]) codec.start();
    stop = [a.stop, b.stop];
    await waitFor('both services to know their schemas', () => [a, b].every((codec) => codec.checks().schemaRegistered));
    return { a, b, topics };
  };

  /** Reads as service-b does: once more when a schema was needed. */
  const read = async (codec: ReturnType<typeof createCodecB>, value: Buffer): Promise<unknown> => {
    try {
      return codec.readOrder(value);
    } catch (error) {
      if (!(error instanceof SchemaNeededError)) throw error;
      await error.load(never);
      return codec.readOrder(value);
    }
  };

  test('When it is killed and started, then a schema has the id that records name', async () => {
    const { registry } = scratch;
    const { idOf } = createRegistryClient({ url: registry.url, caFile: undefined, credentials: undefined });
    // Registered just before: what was answered is on the disk.
    await registerUnder(registry.url, { orders: 'orders.killed' });
    const before = await idOf('orders.killed-value', schema, never);
    expect(before).toBeGreaterThan(0);
    await registry.kill();
    await expect(idOf('orders.killed-value', schema, never)).rejects.toThrow('ECONNREFUSED');
    await registry.start();
    expect(await idOf('orders.killed-value', schema, never)).toBe(before);
  });

  test('When a subject is not there, then it has no versions and a schema has no id', async () => {
    const { idOf, versionsOf } = createRegistryClient({ url: scratch.registry.url, caFile: undefined, credentials: undefined });
    expect(await versionsOf('nothing-value', never)).toEqual([]);
    expect(await idOf('nothing-value', schema, never)).toBeUndefined();
  });

  test.each([
    ['a field without a default is added', (text: string) => withData(text, (fields) => fields.push({ name: 'note', type: 'string' }))],
    ['a field is removed', (text: string) => withData(text, (fields) => fields.splice(1, 1))],
    ['a number is text', (text: string) => text.replace('"double"', '"string"')],
  ])('When %s, then the version is refused', async (_what, change) => {
    const { url } = scratch.registry;
    const { schema: text } = await latestOf(url, 'orders-value');
    await expect(registerVersion(url, 'orders-value', change(text))).rejects.toThrow('is refused');
  });

  test('When service-a writes an order, then service-b reads it', async () => {
    const { a, b } = await startCodecs('both');
    const value = a.writeOrder({ eventId: event.eventId, timestamp: event.timestamp, order: JSON.stringify(order) });
    expect(value[0]).toBe(0);
    expect(await read(b, value)).toEqual(event);
  });

  test('When a version is registered later, then what it wrote is read without what it has more', async () => {
    const { b, topics } = await startCodecs('next');
    const { id, type } = await registerNext(scratch.registry.url, topics.orders);
    expect(await read(b, encodeAvro(type, id, { ...event, data: { ...order, note: 'more' } }))).toEqual(event);
  });

  test('When nothing was registered under an id, then the record is no order', async () => {
    const { b } = await startCodecs('unknown');
    await expect(read(b, encodeAvro(avroTypeOf(ordersValue), 2_000_000_000, event))).rejects.toThrow('2000000000');
  });
});
