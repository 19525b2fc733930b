import { checkInvariants } from '../drill/invariants';
import type { Order } from '../drill/load';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

/** Orders whose fate the simulated gateway knows beforehand, under the default settings. */
const fates = {
  approved: '550e8400-e29b-41d4-a716-446655440000',
  declined: '550e8400-e29b-41d4-a716-446655440002',
  unavailableThenApproved: '550e8400-e29b-41d4-a716-446655440018',
  unavailableToTheEnd: '550e8400-e29b-41d4-a716-446655440446',
};

const anOrder = (overrides: Partial<Order> = {}): Order => ({
  orderId: fates.approved, userId: 'user-123', amount: 99.99, currency: 'USD',
  items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }], ...overrides,
});

type View = { status: string; paymentId?: string; failure?: { type: string; message: string; retryCount: number } };

describe('The pair on a real broker', () => {
  let stage: Stage;

  const post = async (order: unknown): Promise<{ status: number; body: string }> => stage.load.client.send('POST', '/orders', JSON.stringify(order));
  const get = async (orderId: string): Promise<string> => (await stage.load.client.send('GET', `/orders/${orderId}`)).body;
  const viewed = async (orderId: string): Promise<View> => JSON.parse(await get(orderId)) as View;
  const finished = async (orderId: string): Promise<View> => {
    await waitFor(`${orderId} to finish`, async () => (await viewed(orderId)).status !== 'pending');
    return viewed(orderId);
  };
  const produce = async (key: Buffer | string | null, value: Buffer | string | null): Promise<void> => {
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({ topic: stage.topics.orders, messages: [{ key, value }] });
    await producer.disconnect();
  };

  beforeAll(async () => {
    stage = await createStage({ name: 'pair-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(7), perSecond: 300 });
    await stage.untilReady();
  });

  afterAll(async () => {
    await stage.close();
  });

  it('When an order is approved, then it is completed with its paymentId', async () => {
    expect((await post(anOrder())).status).toBe(202);
    const view = await finished(fates.approved);
    expect(view).toMatchObject({ status: 'completed', paymentId: expect.any(String) as string });
  });

  it('When an order is declined, then it failed with the reason', async () => {
    await post(anOrder({ orderId: fates.declined }));
    expect(await finished(fates.declined)).toMatchObject({
      status: 'failed', failure: { type: 'PaymentDeclinedError', message: 'payment gateway declined', retryCount: 0 },
    });
  });

  it('When the gateway is unavailable once, then the order is retried and completed', async () => {
    await post(anOrder({ orderId: fates.unavailableThenApproved }));
    expect(await finished(fates.unavailableThenApproved)).toMatchObject({ status: 'completed' });
  });

  it('When the gateway stays unavailable, then the order failed after three retries', async () => {
    await post(anOrder({ orderId: fates.unavailableToTheEnd }));
    expect(await finished(fates.unavailableToTheEnd)).toMatchObject({
      status: 'failed', failure: { type: 'GatewayUnavailableError', retryCount: 3 },
    });
  });

  it('When the same order is posted ten times at once, then one event is published', async () => {
    const orderId = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(anOrder({ orderId }))));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
    await finished(orderId);
    const records = await readTopic(stage.reach, stage.topics.orders);
    expect(records.filter(({ key }) => key?.toString() === orderId)).toHaveLength(1);
  });

  it('When another order is posted under a known id, then the answer is 409', async () => {
    expect((await post(anOrder({ amount: 1 }))).status).toBe(409);
  });

  it.each([
    ['bad JSON', Buffer.from('{bad'), 'utf8'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0x00, 0xc3]), 'base64'],
    ['a number beyond 2^53', Buffer.from('{"n":12345678901234567890}'), 'utf8'],
    ['a megabyte of control characters', Buffer.alloc(1_000_000, 1), 'utf8'],
    ['a nesting of 100,000', Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), 'utf8'],
  ])('When %s is written to orders, then a dead letter holds the exact bytes and the next order is processed', async (name, value, encoding) => {
    const key = `poison: ${name}`;
    await produce(key, value);
    await waitFor('the dead letter', async () => (await readTopic(stage.reach, stage.topics.deadLetters)).some((record) => record.key?.toString() === key));
    const letter = (await readTopic(stage.reach, stage.topics.deadLetters)).find((record) => record.key?.toString() === key)!;
    const envelope = JSON.parse(letter.value!.toString()) as { originalValue: string; originalValueEncoding: string; errorType: string };
    expect(envelope).toMatchObject({ originalValueEncoding: encoding, errorType: 'InvalidOrderError' });
    expect(Buffer.from(envelope.originalValue, encoding as BufferEncoding).equals(value)).toBe(true);

    const orderId = stage.random.uuid();
    await post(anOrder({ orderId }));
    expect((await finished(orderId)).status).toMatch(/completed|failed/);
  });

  it('When a record waits for the gateway, then a later one of its key waits behind it', async () => {
    const orderId = '550e8400-e29b-41d4-a716-446655440481';
    const event = { eventType: 'ORDER_CREATED', eventId: 'slow', timestamp: new Date().toISOString(), data: anOrder({ orderId }) };
    await produce(orderId, JSON.stringify(event));
    await produce(orderId, '{bad, and done at once');
    const letters = async () =>
      (await readTopic(stage.reach, stage.topics.deadLetters)).filter((record) => record.key?.toString() === orderId);
    await waitFor('both dead letters', async () => (await letters()).length === 2);
    const errors = (await letters()).map(({ value }) => (JSON.parse(value!.toString()) as { errorType: string }).errorType);
    expect(errors).toEqual(['GatewayUnavailableError', 'InvalidOrderError']);
  });

  it('When another producer writes an order, then it shows up and is paid', async () => {
    const order = anOrder({ orderId: '550e8400-e29b-41d4-a716-446655440001' });
    const event = { eventType: 'ORDER_CREATED', eventId: 'elsewhere', timestamp: '2026-01-01T00:00:00.000Z', data: order, newerField: true };
    await produce(order.orderId, JSON.stringify(event));
    await waitFor('the order', async () => (await viewed(order.orderId)).status === 'completed');
    expect(await viewed(order.orderId)).toMatchObject({ createdAt: '2026-01-01T00:00:00.000Z' });
  });

  it('When two thousand orders are posted, then the topics and every answer keep all promises', async () => {
    await stage.load.run({ seconds: 7, orders: 2_000 });
    await stage.settle();
    const { violations } = await checkInvariants(stage);
    expect(violations).toEqual([]);
    expect(stage.load.accepted.size).toBe(2_000);
  }, 120_000);

  it('When service-a is restarted, then every order is answered as before, byte for byte', async () => {
    const ids = [...Object.values(fates), ...[...stage.load.accepted.keys()].slice(0, 200)];
    const before = await Promise.all(ids.map(get));
    await stage.a.stop();
    stage.a.start();
    await stage.untilReady();
    expect(await Promise.all(ids.map(get))).toEqual(before);
  });

  it('When both services get SIGTERM, then they end with exit code 0 within ten seconds', async () => {
    const exits = await Promise.all([stage.a.stop(), stage.b.stop()]);
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
    expect(Math.max(...exits.map(({ ms }) => ms))).toBeLessThan(10_000);
  });
});
