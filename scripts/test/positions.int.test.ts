import type { Producer, Transaction } from 'kafkajs';
import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

type Lags = Map<string, number>;

describe('Positions come from the log, on a real broker', () => {
  let stage: Stage;
  const producers: Producer[] = [];

  const eventOf = (orderId: string) => JSON.stringify({
    eventType: 'ORDER_CREATED', eventId: orderId, timestamp: new Date().toISOString(),
    data: { orderId, userId: 'user-1', amount: 10, currency: 'USD', items: [{ productId: 'prod-1', quantity: 1, price: 10 }] },
  });
  /** A transaction with an order for each of the partitions of a topic, still open. */
  const transactionIn = async (topic: string, partitions = [0, 1, 2]): Promise<Transaction> => {
    const producer = stage.kafka.producer({ transactionalId: stage.random.uuid(), idempotent: true, maxInFlightRequests: 1 });
    producers.push(producer);
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: partitions.map((partition) => {
      const key = stage.random.uuid();
      return { partition, key, value: eventOf(key) };
    }) });
    return transaction;
  };
  const lagsOf = async (url: string): Promise<Lags> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const lines = text.matchAll(/^kafka_consumer_lag_records\{topic="([^"]+)",partition="(\d+)"\} (\d+)$/gm);
    return new Map([...lines].map(([, topic, partition, lag]) => [`${topic}/${partition}`, Number(lag)]));
  };
  const lagIsZero = async (url: string, partitions: number): Promise<void> => waitFor('no lag', async () => {
    const lags = await lagsOf(url);
    return lags.size === partitions && [...lags.values()].every((lag) => lag === 0);
  }, { timeoutMs: 20_000 });
  const restart = async (service: Stage['a']): Promise<void> => {
    await service.stop();
    service.start();
    await service.untilReady(20_000);
  };

  beforeAll(async () => {
    stage = await createStage({ name: 'positions-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(7), perSecond: 1 });
    await stage.untilReady();
  });

  afterAll(async () => {
    await Promise.all(producers.map((producer) => producer.disconnect()));
    await stage.close();
  });

  it('12.6 When transactions end all topics, committed or aborted, then the lag of both groups reaches 0', async () => {
    const { orders, payments, deadLetters } = stage.topics;
    await (await transactionIn(orders)).commit();
    for (const topic of [orders, payments, deadLetters]) await (await transactionIn(topic)).abort();
    await lagIsZero(stage.b.url, 3);
    await lagIsZero(stage.a.url, 9);
  });

  it('12.5 When all topics end with what is delivered to nobody, then a restarted service-a is ready, and goes on', async () => {
    await restart(stage.a);
    await lagIsZero(stage.a.url, 9);
    await stage.load.burst(5);
    await stage.settle();
  });

  it('12.5 When orders lie behind an open transaction, then a restarted service-a knows that it does not know them, until that ends', async () => {
    const transaction = await transactionIn(stage.topics.orders);
    await stage.load.burst(5);
    await stage.a.stop();
    stage.a.start();
    const statuses = async (): Promise<Set<number | undefined>> => new Set(await Promise.all([...stage.load.accepted.keys()].map(
      async (orderId) => (await stage.load.client.send('GET', `/orders/${orderId}`).catch(() => undefined))?.status,
    )));
    await waitFor('service-a to answer', async () => (await statuses()).has(503));
    expect([...await statuses()]).toEqual([503]);
    await transaction.abort();
    await stage.a.untilReady(20_000);
    await stage.settle();
    expect([...await statuses()]).toEqual([200]);
    await lagIsZero(stage.b.url, 3);
  });

  it('12.5 When all records are deleted while the state is rebuilt, or before, then a restarted service-a is ready', async () => {
    await stage.a.stop();
    const admin = stage.kafka.admin();
    await admin.connect();
    for (const topic of [stage.topics.payments, stage.topics.deadLetters]) {
      const ends = await admin.fetchTopicOffsets(topic);
      // KafkaJS finds the leaders only of topics that it asked about last.
      await admin.deleteTopicRecords({ topic, partitions: ends.map(({ partition, high }) => ({ partition, offset: high })) });
    }
    await admin.disconnect();
    stage.a.start();
    await stage.a.untilReady(20_000);
  });

  it('12.7 When partitions are added to a running topic, then they are consumed within 30 s', async () => {
    await stage.admin.createPartitions({ topicPartitions: [{ topic: stage.topics.orders, count: 5 }] });
    const producer = stage.kafka.producer();
    await producer.connect();
    const ids = [3, 4].map(() => stage.random.uuid());
    await waitFor('the new partitions to take records', () => producer.send({
      topic: stage.topics.orders, messages: ids.map((key, i) => ({ partition: 3 + i, key, value: eventOf(key) })),
    }).then(() => true, () => false));
    await producer.disconnect();
    const startedAt = Date.now();
    for (const orderId of ids) {
      await waitFor(`${orderId} to have its outcome`, async () => {
        const { status, body } = await stage.load.client.send('GET', `/orders/${orderId}`);
        return status === 200 && !body.includes('"status":"pending"');
      }, { timeoutMs: 30_000 });
    }
    expect(Date.now() - startedAt).toBeLessThan(30_000);
  });
});
