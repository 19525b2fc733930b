import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../drill/random';
import { createClient } from '../drill/load';
import { startProvider } from '../drill/provider';
import { createStage, type Stage } from '../drill/stage';
import type { LocalBroker } from '../lib/broker';
import { fill, orderCreated } from './fill';
import { CONNECTIONS, cpuMs, ORDER_BODY, rssMiB, saturate } from './measure';

/** Writes `count` orders to the topics, and payments for them if they are to be finished. */
const fillWithOrders = (stage: Stage, count: number, { paid }: { paid: boolean }): Promise<void> => fill(stage, count, (orderIds) => {
  const { topics } = stage;
  const timestamp = new Date().toISOString();
  const messages = (event: (orderId: string) => object) =>
    orderIds.map((orderId, i) => ({ key: orderId, value: JSON.stringify(event(orderId)), partition: i % 3 }));
  const payments = messages((orderId) => ({
    eventType: 'PAYMENT_COMPLETED', eventId: orderId, timestamp,
    data: { orderId, paymentId: orderId, paymentStatus: 'completed', amount: 99.99, currency: 'USD', processedAt: timestamp },
  }));
  return [
    { topic: topics.orders, messages: messages((orderId) => orderCreated(orderId, timestamp)) },
    ...(paid ? [{ topic: topics.payments, messages: payments }] : []),
  ];
});

/** With `held` paid orders on the topics: how long service-a takes from start to ready, its memory then, and what an order costs it. */
export const benchHeld = async (broker: LocalBroker, { held, warmup, seconds }: { held: number; warmup: number; seconds: number }) => {
  const stage = await createStage({
    name: `held-${held}`, brokers: broker.brokers, random: createRandom(held), perSecond: 0,
    // So many it goes on holding, whatever comes.
    env: { NODE_ENV: 'production', ORDERS_MAX: String(held) },
  });
  try {
    await stage.untilReady();
    await Promise.all([stage.a.stop(), stage.b.stop()]);
    await fillWithOrders(stage, held, { paid: true });
    const startedAt = Date.now();
    stage.a.start();
    await stage.a.untilReady(300_000);
    const rebuildSeconds = (Date.now() - startedAt) / 1_000;
    const rssMiBRebuilt = rssMiB(stage.a.pid()).now;
    stage.b.start();
    await stage.untilReady();
    await stage.settle();
    await saturate(stage.a.url, { connections: CONNECTIONS, seconds: warmup });
    await stage.settle();
    const cpuBefore = cpuMs(stage.a.pid());
    const { requests, p99, ...saturation } = await saturate(stage.a.url, { connections: CONNECTIONS, seconds });
    await stage.settle();
    const cpuUsPerOrder = ((cpuMs(stage.a.pid()) - cpuBefore) * 1_000) / requests;
    return {
      held, rebuildSeconds, rebuildUsPerRecord: (rebuildSeconds * 1e6) / (2 * held), rssMiBRebuilt,
      acceptedPerSecond: requests / saturation.seconds, cpuUsPerOrder, p99,
    };
  } finally {
    await stage.close();
  }
};

/** How long 1, 2, 3 members of service-b take for a backlog of `orders`, at the settings of `env`, and how much CPU time. */
export const benchMembers = async (
  broker: LocalBroker, { members, orders, env }: { members: number; orders: number; env: Record<string, string> },
) => {
  const stage = await createStage({
    name: `members-${members}`, brokers: broker.brokers, random: createRandom(members), perSecond: 0,
    env: { NODE_ENV: 'production', PAYMENT_TRANSIENT_RATE: '0', ...env },
  });
  try {
    for (let more = 1; more < members; more += 1) await stage.addMember();
    await stage.untilReady();
    // The group stays, with all its members; what is measured begins with the first record.
    const cpuOfMembers = (): number => stage.members.reduce((sum, member) => sum + cpuMs(member.pid()), 0);
    const [startedAt, cpuBefore] = [Date.now(), cpuOfMembers()];
    await fillWithOrders(stage, orders, { paid: false });
    await stage.settle(300_000);
    const cpuUsPerOrder = ((cpuOfMembers() - cpuBefore) * 1_000) / orders;
    return { members, ordersPerSecond: orders / ((Date.now() - startedAt) / 1_000), cpuUsPerOrder };
  } finally {
    await stage.close();
  }
};

/** The same for one member, first with the simulated gateway and then with a provider on this machine. */
export const benchProvider = async (broker: LocalBroker, { orders }: { orders: number }) => {
  const provider = await startProvider();
  try {
    const simulated = await benchMembers(broker, { members: 1, orders, env: {} });
    const cpuBefore = cpuMs(provider.pid());
    const charged = await benchMembers(broker, { members: 1, orders, env: { PAYMENT_GATEWAY_URL: provider.url } });
    return { simulated, charged, providerCpuUsPerOrder: ((cpuMs(provider.pid()) - cpuBefore) * 1_000) / orders };
  } finally {
    await provider.close();
  }
};

const BURST = { orders: 20_000, connections: 512, rounds: 3, restMs: 30_000 };

/**
 * Bursts over many connections at once: each order gets 202, or 503 with Retry-After; each 202 finishes.
 * @throws when an answer is anything else
 */
export const benchBurst = async (broker: LocalBroker) => {
  const stage = await createStage({
    name: 'burst', brokers: broker.brokers, random: createRandom(1), perSecond: 0, env: { NODE_ENV: 'production' },
  });
  const client = createClient(stage.a.url, BURST.connections);
  try {
    await stage.untilReady();
    const rounds = [];
    for (let round = 1; round <= BURST.rounds; round += 1) {
      const before = { a: rssMiB(stage.a.pid()).now, b: rssMiB(stage.b.pid()).now };
      let [accepted, refused, left] = [0, 0, BURST.orders];
      const startedAt = Date.now();
      const post = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const { status, retryAfter } = await client.send('POST', '/orders', ORDER_BODY);
          if (status === 202) accepted += 1;
          else if (status === 503 && retryAfter !== undefined) refused += 1;
          else throw new Error(`an order of the burst was answered ${status}`);
        }
      };
      await Promise.all(Array.from({ length: BURST.connections }, post));
      const answeredSeconds = (Date.now() - startedAt) / 1_000;
      await stage.settle();
      const peak = { a: rssMiB(stage.a.pid()).peak, b: rssMiB(stage.b.pid()).peak };
      await sleep(BURST.restMs);
      rounds.push({
        accepted, refused, answeredSeconds,
        rssMiB: { before, peak, rested: { a: rssMiB(stage.a.pid()).now, b: rssMiB(stage.b.pid()).now } },
      });
    }
    return rounds;
  } finally {
    client.close();
    await stage.close();
  }
};
