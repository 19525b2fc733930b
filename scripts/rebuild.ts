import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rssMiB } from './bench/measure';
import { createRandom } from './drill/random';
import { createStage } from './drill/stage';
import { startLocalBroker } from './lib/broker';

const BATCH = 5_000;

/** Fills the topics with `count` paid orders, then measures how long service-a takes from its start to ready, and what it holds. */
const measure = async (brokers: string, count: number): Promise<void> => {
  const stage = await createStage({ name: `rebuild-${count}`, brokers, random: createRandom(count), perSecond: 0, env: { ORDERS_MAX: '2000000' } });
  try {
    await stage.untilReady();
    await Promise.all([stage.a.stop(), stage.b.stop()]);
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const timestamp = new Date().toISOString();
    for (let from = 0; from < count; from += BATCH) {
      const ids = Array.from({ length: Math.min(BATCH, count - from) }, () => stage.random.uuid());
      const orders = ids.map((orderId) => ({
        eventType: 'ORDER_CREATED', eventId: orderId, timestamp,
        data: { orderId, userId: 'user-123', amount: 99.99, currency: 'USD', items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }] },
      }));
      const payments = ids.map((orderId) => ({
        eventType: 'PAYMENT_COMPLETED', eventId: orderId, timestamp,
        data: { orderId, paymentId: orderId, paymentStatus: 'completed', amount: 99.99, currency: 'USD', processedAt: timestamp },
      }));
      const messages = (events: { data: { orderId: string } }[]) =>
        events.map((event, i) => ({ key: event.data.orderId, value: JSON.stringify(event), partition: i % 3 }));
      await producer.sendBatch({ topicMessages: [
        { topic: stage.topics.orders, messages: messages(orders) }, { topic: stage.topics.payments, messages: messages(payments) },
      ] });
    }
    await producer.disconnect();
    const startedAt = Date.now();
    stage.a.start();
    await stage.a.untilReady(300_000);
    const seconds = (Date.now() - startedAt) / 1_000;
    const { now, peak } = rssMiB(stage.a.pid());
    console.log(`${count} orders (${2 * count} records): ready after ${seconds.toFixed(1)} s, ${((seconds * 1e6) / (2 * count)).toFixed(1)} us a record, RSS ${now} MiB (peak ${peak})`);
  } finally {
    await stage.close();
  }
};

const main = async (): Promise<void> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'rebuild-'));
  const broker = await startLocalBroker({ dataDir, log: () => undefined });
  try {
    for (const count of process.argv.slice(2).map(Number)) await measure(broker.brokers, count);
  } finally {
    await broker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
};

main().then(() => process.exit(0), (error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
