import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

const HELD = 600;
const AWAY = { from: 1_400, to: 1_900 };

type Page = { orders: { orderId: string; status: string }[]; next?: string };

describe('12.13 A rebuild on a real broker', () => {
  let stage: Stage;
  const ids: string[] = [];

  const send = async (topic: string, numbers: number[], valueOf: (orderId: string, at: string) => unknown): Promise<void> => {
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const at = new Date().toISOString();
    const messages = numbers.map((number) => ({ key: ids[number]!, value: JSON.stringify(valueOf(ids[number]!, at)) }));
    await producer.send({ topic, messages });
    await producer.disconnect();
  };
  const eventOf = (orderId: string, at: string) => ({
    eventType: 'ORDER_CREATED', eventId: orderId, timestamp: at,
    data: { orderId, userId: 'user-123', amount: 10, currency: 'USD', items: [{ productId: 'prod-001', quantity: 1, price: 10 }] },
  });
  const paymentOf = (orderId: string, at: string) => ({
    eventType: 'PAYMENT_COMPLETED', eventId: orderId, timestamp: at,
    data: { orderId, paymentId: orderId, paymentStatus: 'completed', amount: 10, currency: 'USD', processedAt: at },
  });
  const letterOf = (orderId: string, at: string) => ({
    originalTopic: stage.topics.orders, originalPartition: 0, originalOffset: '0', originalKey: orderId, originalValue: eventOf(orderId, at),
    originalValueEncoding: 'json', errorType: 'PaymentDeclinedError', errorMessage: 'no', errorStack: '', failedAt: at, retryCount: 0,
  });
  /** Every fifth fails, every fiftieth is never heard of, the others are paid. */
  const conclude = async (numbers: number[]): Promise<void> => {
    await send(stage.topics.payments, numbers.filter((number) => number % 5 !== 0 && number % 50 !== 1), paymentOf);
    await send(stage.topics.deadLetters, numbers.filter((number) => number % 5 === 0), letterOf);
  };
  const list = async (): Promise<Page['orders']> => {
    const orders: Page['orders'] = [];
    let cursor = '';
    do {
      const { body } = await stage.load.client.send('GET', `/orders?limit=500${cursor}`);
      const page = JSON.parse(body) as Page;
      orders.push(...page.orders);
      cursor = page.next === undefined ? '' : `&cursor=${page.next}`;
    } while (cursor !== '');
    return orders;
  };
  const isShown = async (orderId: string, status: string): Promise<boolean> =>
    (await stage.load.client.send('GET', `/orders/${orderId}`)).body.includes(`"status":"${status}"`);

  beforeAll(async () => {
    stage = await createStage({
      name: 'rebuild-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(5), perSecond: 1, env: { ORDERS_MAX: String(HELD) },
    });
    await stage.untilReady();
    // Whoever writes outcomes here is the test.
    await stage.b.stop();
  });

  afterAll(async () => {
    await stage.close();
  });

  it('When more orders are in the log than are held, some of them without an outcome for long, then a restart shows the same as before', async () => {
    for (let number = 0; number < 2_000; number += 1) ids.push(stage.random.uuid());
    const all = ids.map((_, number) => number);
    for (let from = 0; from < 2_000; from += 100) {
      const numbers = all.slice(from, from + 100);
      await send(stage.topics.orders, numbers, eventOf);
      if (from >= AWAY.from && from < AWAY.to) continue;
      await conclude(numbers);
      if (from === AWAY.to) await conclude(all.slice(AWAY.from, AWAY.to));
    }
    await waitFor('the last outcomes', async () => await isShown(ids[AWAY.to - 1]!, 'completed') && isShown(ids[AWAY.to - 5]!, 'failed'));
    const before = await list();
    expect(before).toHaveLength(HELD);
    expect(before.filter(({ status }) => status === 'pending').length).toBeGreaterThanOrEqual(2_000 / 50);

    await stage.a.stop();
    stage.a.start();
    await stage.a.untilReady();
    expect(await list()).toEqual(before);
  }, 120_000);
});
