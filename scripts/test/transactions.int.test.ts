import { randomUUID } from 'node:crypto';
import type { Producer, Transaction } from 'kafkajs';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

const eventOf = (orderId: string) => JSON.stringify({
  eventType: 'ORDER_CREATED', eventId: randomUUID(), timestamp: new Date().toISOString(),
  data: { orderId, userId: 'user-1', amount: 10, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 10 }] },
});

describe('Transactions on a real broker', () => {
  let stage: Stage;

  const transactional = async (): Promise<Producer> => {
    const settings = { allowAutoTopicCreation: false, transactionalId: randomUUID(), maxInFlightRequests: 1, idempotent: true };
    const producer = stage.kafka.producer(settings);
    await producer.connect();
    return producer;
  };
  const write = async (transaction: Pick<Transaction, 'send'>, ...orderIds: string[]): Promise<void> => {
    await transaction.send({
      topic: stage.topics.orders, messages: orderIds.map((orderId) => ({ key: orderId, value: eventOf(orderId), partition: 0 })),
    });
  };

  beforeAll(async () => {
    stage = await createStage({
      name: 'transactions-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(5), perSecond: 0,
      env: { PAYMENT_SUCCESS_RATE: '1', PAYMENT_TRANSIENT_RATE: '0' },
    });
    await stage.untilReady();
  });

  afterAll(async () => {
    await stage.close();
  });

  it('When two transactions that come to nothing lie in one another, then none of their orders is paid or shown', async () => {
    const [outer, inner] = [await transactional(), await transactional()];
    const aborted = Array.from({ length: 3 }, () => randomUUID());
    const [first, second] = [await outer.transaction(), await inner.transaction()];
    await write(first, aborted[0]!);
    await write(second, aborted[1]!);
    await second.abort();
    await write(first, aborted[2]!);
    await first.abort();
    const orderId = randomUUID();
    const last = await outer.transaction();
    await write(last, orderId);
    await last.commit();
    await waitFor('the order behind them', async () => (await stage.load.look(orderId))?.status === 'completed');
    await stage.settle();
    const outcomes = [...await readTopic(stage.reach, stage.topics.payments), ...await readTopic(stage.reach, stage.topics.deadLetters)];
    expect(outcomes.map(({ key }) => key?.toString())).toEqual([orderId]);
    for (const one of aborted) expect(await stage.load.look(one)).toBeUndefined();
    await Promise.all([outer, inner].map((producer) => producer.disconnect()));
  }, 120_000);

  it('When a transaction stays open, then the records that wait behind it are told as lag by both services', async () => {
    const producer = await transactional();
    const transaction = await producer.transaction();
    const waiting = Array.from({ length: 3 }, () => randomUUID());
    await write(transaction, waiting[0]!);
    const plain = stage.kafka.producer({ allowAutoTopicCreation: false });
    await plain.connect();
    await write(plain, waiting[1]!, waiting[2]!);
    const lagOf = async (url: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const line = new RegExp(`^kafka_consumer_lag_records\\{topic="${stage.topics.orders}",partition="0"\\} (\\d+)`, 'm');
      return Number(line.exec(text)?.[1]);
    };
    for (const { url } of [stage.a, stage.b]) await waitFor(`the lag of ${url}`, async () => await lagOf(url) === 3);
    await transaction.commit();
    await waitFor('their payment', async () => (await Promise.all(waiting.map(stage.load.look))).every((order) => order?.status === 'completed'));
    await waitFor('no lag', async () => await lagOf(stage.b.url) === 0);
    await Promise.all([producer, plain].map((one) => one.disconnect()));
  }, 120_000);
});
