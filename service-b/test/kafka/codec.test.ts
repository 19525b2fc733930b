import { avroTypeOf, encodeAvro } from '../../src/kafka/avro';
import { createCodec } from '../../src/kafka/codec';
import { originalOf, readDeadLetter, toDeadLetter } from '../../src/kafka/dead-letter';
import { createKeyQueue } from '../../src/kafka/key-queue';
import { readOrder } from '../../src/kafka/messages';
import { createOrderReader } from '../../src/kafka/order-record';
import { createRegistryClient } from '../../src/kafka/registry-client';
import { ordersValue } from '../../src/kafka/schemas/orders-value';
import { paymentsValue } from '../../src/kafka/schemas/payments-value';
import { InvalidOrderError } from '../../src/processors/order';
import type { PaymentCompleted } from '../../src/processors/payment';
import { createProcessOrder } from '../../src/processors/process-order';
import { anOrder, anOrderCreated, aRecord, orderIdOf } from '../support/builders';
import { eventually, recordingLogger } from '../support/fakes';
import { aRegistry, type TestRegistry } from '../support/registry';

const topics = { orders: 'orders', payments: 'payments' };
const ever = new AbortController().signal;
const valueOf = (id: number, orderId = orderIdOf(0)): Buffer =>
  encodeAvro(avroTypeOf(ordersValue), id, anOrderCreated({ data: anOrder({ orderId }) }));

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

/** Records as the consumer has them: those of one key one after the other. */
const aService = (codec = aCodec(registry)) => {
  const paid: string[] = [];
  const dead: { key: string; message: string; back: Buffer | null }[] = [];
  const process = createProcessOrder({
    ...createOrderReader(codec.readOrder),
    gateway: () => ({ kind: 'approved' }),
    onAnswer: () => undefined,
    onRetry: () => undefined,
    publishPayment: async ({ data }, { message }) => void paid.push(`${data.orderId.slice(-1)}@${message.offset}`),
    publishDeadLetter: async ({ record, error, retryCount }) => {
      const { value } = toDeadLetter({ record, error, retryCount, failedAt: new Date(), groupId: 'g' });
      dead.push({ key: String(record.message.key), message: error.message, back: originalOf(readDeadLetter(Buffer.from(value))).value });
    },
    maxRetries: 0,
    retryBaseMs: 1,
  });
  const keys = createKeyQueue();
  let offset = 0;
  const take = (orderId: string, value: Buffer, signal = ever): void => {
    const record = aRecord({ key: Buffer.from(orderId), value, offset: String(offset) });
    offset += 1;
    keys.run(orderId, () => process(record, signal).catch(() => undefined));
  };
  return { take, paid, dead, codec };
};

describe('records of orders', () => {
  test('When the registry is away, then what needs an id waits with all of its key, other keys go on, and in the end nothing is lost', async () => {
    registry.register('orders-value', ordersValue);
    const { take, paid, dead, codec } = aService();
    const isKnown = (): boolean => {
      try {
        return codec.readOrder(valueOf(1)) !== undefined;
      } catch {
        return false;
      }
    };
    await eventually(isKnown);
    await registry.goAway();
    const newer = registry.register('orders-value', { ...ordersValue, doc: 'another version' });
    take(orderIdOf(1), valueOf(newer, orderIdOf(1)));
    take(orderIdOf(1), valueOf(1, orderIdOf(1)));
    take(orderIdOf(2), valueOf(1, orderIdOf(2)));
    take(orderIdOf(3), Buffer.from(JSON.stringify(anOrderCreated({ data: anOrder({ orderId: orderIdOf(3) }) }))));
    await eventually(() => paid.length === 2);
    await eventually(() => !codec.checks().schemasReadable, 5_000);
    expect(paid.sort()).toEqual(['2@2', '3@3']);
    await registry.comeBack();
    await eventually(() => paid.length === 4, 5_000);
    expect(paid.slice(2)).toEqual(['1@0', '1@1']);
    expect(dead).toEqual([]);
    expect(codec.checks().schemasReadable).toBe(true);
  });

  test('When its partition is taken away meanwhile, then a record that waits ends without an outcome', async () => {
    await registry.goAway();
    const { take, paid, dead, codec } = aService();
    const gone = new AbortController();
    take(orderIdOf(1), valueOf(9, orderIdOf(1)), gone.signal);
    await eventually(() => !codec.checks().schemasReadable);
    gone.abort(new Error('gone'));
    await eventually(() => codec.checks().schemasReadable);
    expect([paid, dead]).toEqual([[], []]);
  });

  test('When a thousand values of each kind cannot be read, then each is a dead letter to the byte, for a handful of requests', async () => {
    registry.register('orders-value', ordersValue);
    const { take, dead, paid } = aService();
    const good = valueOf(1);
    const kinds: ((i: number) => Buffer)[] = [
      (i) => valueOf(1_000 + i), (i) => good.subarray(0, 5 + (i % (good.length - 5))), (i) => Buffer.concat([good, Buffer.alloc(1 + i)]),
      () => Buffer.from([0, 0, 1]), (i) => Buffer.from(`not JSON ${i}`),
    ];
    const values = kinds.flatMap((kind) => Array.from({ length: 1_000 }, (_, i) => kind(i)));
    values.forEach((value, i) => take(`key-${i}`, value));
    await eventually(() => dead.length === values.length, 20_000);
    const backs = new Map(dead.map(({ key, back }) => [key, back]));
    expect(values.filter((value, i) => backs.get(`key-${i}`)?.equals(value) !== true)).toEqual([]);
    expect(paid).toEqual([]);
    expect(registry.requests.length).toBeLessThan(10);
  }, 30_000);

  test('When Avro happens to be text, then its dead letter has it in base64', () => {
    const value = Buffer.from([0, 0, 0, 0, 1, 0x41]);
    const { value: text } = toDeadLetter({ record: aRecord({ value }), error: new Error('e'), retryCount: 0, failedAt: new Date(), groupId: 'g' });
    expect(JSON.parse(text)).toMatchObject({ originalValueEncoding: 'base64', originalValue: 'AAAAAAFB' });
  });
});

describe('records of payments', () => {
  const at = '2026-11-22T10:00:02.000Z';
  const event: PaymentCompleted = {
    eventType: 'PAYMENT_COMPLETED', eventId: '0c4a1f6e-3c52-4c2e-9a57-6a8f0f3b1d10', timestamp: at,
    data: { orderId: orderIdOf(1), paymentId: orderIdOf(2), paymentStatus: 'completed', amount: 9.5, currency: 'USD', processedAt: at },
  };

  test('When the id of the own schema is not known, then a payment waits for it, and never becomes JSON', async () => {
    const codec = aCodec(registry);
    const written = codec.writePayment(event, ever);
    expect(codec.checks()).toEqual({ schemaRegistered: false, schemasReadable: true });
    registry.skipTo(300);
    registry.register('payments-value', paymentsValue);
    expect((await written as Buffer).toString('hex')).toBe(encodeAvro(avroTypeOf(paymentsValue), 300, event).toString('hex'));
    expect(codec.checks()).toMatchObject({ schemaRegistered: true });
  });

  test('When nobody waits for it any more, then it ends', async () => {
    const gone = new AbortController();
    const written = aCodec(registry).writePayment(event, gone.signal);
    gone.abort(new Error('gone'));
    await expect(written).rejects.toThrow('gone');
  });

  test('When there is no registry, then it is JSON', async () => {
    await expect(aCodec().writePayment(event, ever)).resolves.toBe(JSON.stringify(event));
  });
});

describe('without a registry', () => {
  test('When Avro lies there from before, then it is read by the schema that is compiled in', () => {
    expect(readOrder(Buffer.from(orderIdOf(0)), aCodec().readOrder(valueOf(77)))).toMatchObject({ orderId: orderIdOf(0), amount: 99.99 });
  });

  test.each([[[0]], [[0, 0xff, 1]], [[0, 1, 2, 3, 4, 5, 6]]])('When the bytes are %p, then they are no order, as ever', (bytes) => {
    expect(() => aCodec().readOrder(Buffer.from(bytes))).toThrow(InvalidOrderError);
  });
});
