import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes, type Message } from 'kafkajs';
import { headersOfList, type Header } from '../lib/headers';
import { waitFor } from '../lib/process';
import { handledNotCommitted, headerOf } from './invariants';
import type { Random } from './random';
import { readTopic } from './read-topic';
import type { LocalBroker } from '../lib/broker';
import type { DltRun } from './service';
import type { Stage } from './stage';

/** What runs beside the pair: how the services find it, and what is found wrong with it at the end. */
export type Beside = { env: Record<string, string>; check: (stage: Stage) => Promise<string[]>; close: () => Promise<void> };

/** What a drill does to the system while the load runs; it throws, with a sentence, when something it expects does not come. */
export type Drill = {
  name: string;
  what: string;
  /** Part of the quick set that CI runs. */
  quick?: boolean;
  /** Takes a broker that refuses writes when `min.insync.replicas` is more than there are; from Kafka 4 on, those there are do. */
  beforeKafka4?: boolean;
  perSecond: number;
  seconds: number;
  /** The longest time without an accepted order, and without an outcome, that it may take. */
  limitMs?: { whole?: number; outcomes?: number };
  env?: Record<string, string>;
  /** The services reach the broker through the runner's TCP proxy. */
  proxied?: boolean;
  /** Starts what the services need beside the broker, before they are started. */
  beside?: () => Promise<Beside>;
  /** Runs beside the load. Returns how many faults it injected. */
  faults: (stage: Stage & { broker: LocalBroker }) => Promise<number>;
  /** Instead of the steady load. */
  load?: (stage: Stage) => Promise<void>;
};

const expectExit = (name: string, { code, ms }: { code: number | null; ms: number }): void => {
  if (code !== 0) throw new Error(`${name} ended with exit code ${code} on SIGTERM, not 0`);
  if (ms > 10_000) throw new Error(`${name} took ${ms} ms to end on SIGTERM`);
};

const valid = (random: Random, orderId: string) => ({
  eventType: 'ORDER_CREATED', eventId: random.uuid(), timestamp: new Date().toISOString(),
  data: { orderId, userId: 'user-1', amount: 10, currency: 'USD', items: [{ productId: 'prod-1', quantity: 1, price: 10 }] },
});

/** One of each way in which a record of `orders` can be unusable. */
const poisons: ((random: Random) => Message)[] = [
  (random) => ({ key: random.uuid(), value: '{bad' }),
  (random) => ({ key: random.uuid(), value: JSON.stringify({ eventType: 'SOMETHING_ELSE', data: { n: random.next() } }) }),
  (random) => ({ key: random.uuid(), value: JSON.stringify(valid(random, random.uuid())) }),
  (random) => ({ key: null, value: JSON.stringify(valid(random, random.uuid())) }),
  (random) => ({ key: random.uuid(), value: null }),
  (random) => ({ key: Buffer.from([0xff, 0xfe, random.integer(256)]), value: Buffer.from([0xff, 0x00, 0xc3, random.integer(256)]) }),
  (random) => ({ key: random.uuid(), value: Buffer.alloc(1_000_000, random.integer(256)) }),
  (random) => ({ key: random.uuid(), value: `${'['.repeat(100_000)}${']'.repeat(100_000)}` }),
  (random) => ({ key: random.uuid(), value: '' }),
  (random) => ({ key: random.uuid(), value: `{"amount":${random.integer(1e9)}12345678901234567890}`, headers: { trace: Buffer.from([0xff]) } }),
  (random) => ({ key: random.uuid(), value: '{}', headers: { toString: 'a name that objects have', constructor: '' } }),
  (random) => ({ key: random.uuid(), value: '{bad', headers: headersOfList([['traceparent', null], ['tracestate', null], ['redrive-count', null]]) }),
  (random) => {
    const orderId = random.uuid();
    const trace: Header[] = [['traceparent', `00-${orderId.replaceAll('-', '')}-00f067aa0ba902b7-01`], ['tracestate', null], ['redrive-of', null]];
    return { key: orderId, value: JSON.stringify(valid(random, orderId)), headers: headersOfList(trace) };
  },
  (random) => ({ key: random.uuid(), value: '{bad', headers: headersOfList(Array.from({ length: 5_000 }, (_, index) => [index.toString(36), 'v'])) }),
  (random) => ({ key: random.uuid(), value: '{bad', headers: headersOfList(Array.from({ length: 20_000 }, () => ['', null])) }),
  (random) => ({ key: random.uuid(), value: '{bad', headers: { large: Buffer.alloc(900_000, 'h') } }),
  (random) => ({ key: random.uuid(), value: '{bad', headers: headersOfList([['a', '1'], ['b', null], ['a', ''], ['b', '2'], ['a', null], ['a', '3']]) }),
  (random) => ({ key: random.uuid(), value: '{}', headers: headersOfList([['__proto__', 'x'], ['__proto__', null], ['__dlq.errors.topic', 'older']]) }),
  (random) => ({ key: random.uuid(), value: '{}', headers: headersOfList([['redrive-of', '0:0'], ['bytes', Buffer.from([0xff, 0, 1])]]) }),
];

/** Orders whose fate the simulated gateway knows beforehand: unavailable to the end, approved at once. */
const slowToFail = '550e8400-e29b-41d4-a716-446655440446';
const approved = '550e8400-e29b-41d4-a716-446655440000';

/**
 * Records of one key: the second is refused without asking anybody, but its turn comes after the first one's retries;
 * and an order that lies in the log twice, as after a redrive, which must be paid under one id.
 */
const sameKeys = (random: Random): Message[] => [
  { key: slowToFail, value: JSON.stringify(valid(random, slowToFail)) },
  { key: slowToFail, value: '{bad' },
  { key: approved, value: JSON.stringify(valid(random, approved)) },
  { key: approved, value: JSON.stringify(valid(random, approved)) },
];

const poison = async ({ kafka, topics, random }: Stage, count: number, everyMs: number): Promise<number> => {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic: topics.orders, messages: sameKeys(random) });
  for (let i = 0; i < count; i += 1) {
    await producer.send({ topic: topics.orders, messages: [poisons[i % poisons.length]!(random)] });
    await sleep(everyMs);
  }
  await producer.disconnect();
  return count;
};

/** Orders in a transaction that is committed, and records of all topics in one that is not: each leaves marks that nobody is handed. */
const transactions = async ({ kafka, topics, random }: Stage): Promise<void> => {
  for (const [end, ...written] of [['commit', topics.orders], ['abort', topics.orders, topics.payments, topics.deadLetters]] as const) {
    const producer = kafka.producer({ transactionalId: `${topics.orders}-${end}`, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    for (const topic of written) {
      await transaction.send({ topic, messages: [0, 1, 2].map((partition) => {
        const orderId = random.uuid();
        return { partition, key: orderId, value: JSON.stringify(valid(random, orderId)) };
      }) });
    }
    await transaction[end]();
    await producer.disconnect();
  }
};

/** Makes a topic refuse every write: one replica cannot be two in sync. */
const setWritable = async ({ admin, topics }: Stage, topic: 'payments' | 'deadLetters', writable: boolean): Promise<void> => {
  // Configs that are not given go back to their defaults.
  const configEntries = [
    { name: 'min.insync.replicas', value: writable ? '1' : '2' },
    ...(topic === 'deadLetters' ? [{ name: 'max.message.bytes', value: '10485760' }] : []),
  ];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topics[topic], configEntries }] });
};

/** Deletes the older records of a topic, as retention does. */
const cutFront = async ({ kafka }: Stage, topic: string, share: number): Promise<void> => {
  // An admin of its own: KafkaJS finds the leaders only of topics that it asked about last.
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  const partitions = ends.map(({ partition, high }) => ({ partition, offset: String(Math.floor(Number(high) * share)) }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
};

const ordersHeld = async ({ admin, topics }: Stage): Promise<number> =>
  (await admin.fetchTopicOffsets(topics.orders)).reduce((sum, { high }) => sum + Number(high), 0);

const expectDone = async (redrive: DltRun): Promise<void> => {
  const { code, stderr } = await redrive.ended;
  if (code !== 0) throw new Error(`redrive ended with exit code ${code}: ${stderr.join(' ')}`);
};

/** Kills a redrive half-way and runs it again: then each of the dead letters that it had chosen must have been put back. */
const redriveKilled = async (stage: Stage): Promise<void> => {
  const { reach, topics, dlt } = stage;
  const chosen = (await readTopic(reach, topics.deadLetters)).map(({ partition, offset }) => `${partition}:${offset}`);
  const before = await ordersHeld(stage);
  const killed = dlt(['redrive', '--all', '--yes', '--rate', '100']);
  await waitFor('half of the redrive', async () => await ordersHeld(stage) - before >= chosen.length / 2);
  killed.signal('SIGKILL');
  const { code } = await killed.ended;
  if (code !== null) throw new Error(`the redrive was done, with exit code ${code}, before it could be killed`);
  await expectDone(dlt(['redrive', '--all', '--yes']));
  const putBack = new Set((await readTopic(reach, topics.orders)).map((record) => headerOf(record, 'redrive-of')));
  const left = chosen.filter((position) => !putBack.has(position));
  if (left.length > 0) throw new Error(`${left.length} dead letters were not put back, such as ${left.slice(0, 3).join(', ')}`);
};

export const drills: Drill[] = [
  {
    name: 'broker-restart', what: 'broker SIGTERM, 2 s away, started again', quick: true, perSecond: 100, seconds: 8,
    faults: async ({ broker }) => {
      await sleep(1_500);
      await broker.stop();
      await sleep(2_000);
      await broker.start();
      return 1;
    },
  },
  {
    name: 'broker-crash', what: 'broker SIGKILL, started again', quick: true, perSecond: 100, seconds: 7,
    faults: async ({ broker }) => {
      await sleep(1_500);
      await broker.kill();
      await broker.start();
      return 1;
    },
  },
  {
    name: 'broker-freeze', what: 'broker SIGSTOP for 15 s; both services say they are not ready, then that they are', perSecond: 100, seconds: 30,
    faults: async ({ broker, a, b }) => {
      await sleep(3_000);
      broker.pause();
      try {
        await Promise.all([a.untilNotReady(12_000), b.untilNotReady(12_000), sleep(15_000)]);
      } finally {
        broker.resume();
      }
      await Promise.all([a.untilReady(), b.untilReady()]);
      return 1;
    },
  },
  {
    name: 'broker-late', what: 'both services started 30 s before the broker', perSecond: 100, seconds: 5,
    faults: async (stage) => {
      await Promise.all([stage.a.stop(), stage.b.stop()]);
      await stage.broker.stop();
      stage.a.start();
      stage.b.start();
      await sleep(30_000);
      await stage.broker.start();
      await stage.untilReady();
      return 1;
    },
  },
  {
    name: 'b-crashes', what: 'service-b SIGKILL twenty times', perSecond: 200, seconds: 45,
    faults: async ({ b, random }) => {
      for (let i = 0; i < 20; i += 1) {
        await sleep(500 + random.integer(2_500));
        await b.kill();
      }
      return 20;
    },
  },
  {
    name: 'b-crash', what: 'service-b SIGKILL three times', quick: true, perSecond: 200, seconds: 8,
    faults: async ({ b, random }) => {
      for (let i = 0; i < 3; i += 1) {
        await sleep(1_000 + random.integer(1_000));
        await b.kill();
      }
      return 3;
    },
  },
  {
    name: 'a-crash', what: 'service-a SIGKILL twice', quick: true, perSecond: 200, seconds: 6,
    faults: async ({ a, random }) => {
      for (let i = 0; i < 2; i += 1) {
        await sleep(1_000 + random.integer(1_000));
        await a.kill();
      }
      return 2;
    },
  },
  {
    name: 'b-members', what: 'service-b from 1 to 3 members and back to 1', quick: true, perSecond: 200, seconds: 10,
    faults: async (stage) => {
      await sleep(2_000);
      for (let i = 0; i < 2; i += 1) {
        const member = await stage.addMember();
        await member.untilReady();
        await sleep(1_000);
      }
      for (let i = 0; i < 2; i += 1) {
        expectExit('service-b', await stage.removeMember());
        await sleep(1_000);
      }
      return 4;
    },
  },
  {
    name: 'poison', what: '1 % unusable records: bad JSON, wrong schema, foreign key, no key, null, not UTF-8, 1 MB, deep nesting, odd headers, …', quick: true,
    perSecond: 200, seconds: 6,
    load: async (stage) => {
      await Promise.all([stage.load.run({ seconds: 6 }), poison(stage, 38, 150)]);
      await stage.settle();
      // At the ends of all topics: what is handed over to nobody. Both services must pass it, running and when they start.
      await transactions(stage);
      for (const service of [stage.b, stage.a]) {
        expectExit(service.name, await service.stop());
        service.start();
      }
      await stage.untilReady();
    },
    faults: async () => 38,
  },
  {
    name: 'dlt-unwritable', what: 'orders.DLT refuses writes for 20 s; service-b says it is not ready, payments go on', perSecond: 50, seconds: 28,
    beforeKafka4: true,
    faults: async (stage) => {
      await sleep(2_000);
      await setWritable(stage, 'deadLetters', false);
      await Promise.all([stage.b.untilNotReady(10_000), sleep(20_000)]);
      await setWritable(stage, 'deadLetters', true);
      await stage.b.untilReady();
      return 1;
    },
  },
  {
    name: 'payments-unwritable', what: 'payments refuses writes for 5 s and more; service-b SIGTERM meanwhile', quick: true,
    perSecond: 50, seconds: 8, beforeKafka4: true,
    faults: async (stage) => {
      await sleep(1_000);
      await setWritable(stage, 'payments', false);
      await Promise.all([stage.b.untilNotReady(5_000), sleep(5_000)]);
      // What waits for the topic has no outcome: ending now must not commit it.
      expectExit('service-b', await stage.b.stop());
      stage.b.start();
      await setWritable(stage, 'payments', true);
      await stage.b.untilReady();
      return 1;
    },
  },
  {
    name: 'dlt-deleted', what: 'orders.DLT deleted before its first record, created again 10 s later', perSecond: 50, seconds: 20,
    env: { PAYMENT_SUCCESS_RATE: '0' },
    load: async (stage) => {
      await stage.admin.deleteTopics({ topics: [stage.topics.deadLetters] });
      const loading = stage.load.run({ seconds: 20 });
      await stage.b.untilNotReady(10_000);
      await sleep(8_000);
      await stage.recreateTopic('deadLetters');
      await loading;
      await stage.untilReady();
    },
    faults: async () => 1,
  },
  {
    name: 'network', what: 'connections reset six times, then 300 ms of latency each way for 5 s', proxied: true, perSecond: 50, seconds: 20,
    faults: async (stage) => {
      for (let i = 0; i < 6; i += 1) {
        await sleep(1_000);
        stage.proxy?.resetAll();
      }
      stage.proxy?.setLatency(300);
      await sleep(5_000);
      stage.proxy?.setLatency(0);
      return 7;
    },
  },
  {
    name: 'slow-gateway', what: 'gateway latency 200 ms, a burst of 2,000 orders', quick: true, perSecond: 0, seconds: 0,
    env: { PAYMENT_LATENCY_MS: '200' },
    load: ({ load }) => load.burst(2_000),
    faults: async () => 1,
  },
  {
    name: 'waiters', what: '5,000 clients wait with Prefer: wait=30 while service-b is away for 5 s; each is told its outcome in that one request',
    quick: true, perSecond: 0, seconds: 0,
    load: async ({ a, b, load }) => {
      expectExit('service-b', await b.stop());
      await load.burst(5_000);
      const waiting = Promise.all([...load.accepted.keys()].map(async (orderId) => {
        const response = await fetch(`${a.url}/orders/${orderId}`, { headers: { Prefer: 'wait=30' } });
        return (await response.json() as { status: string }).status;
      }));
      await sleep(5_000);
      b.start();
      const pending = (await waiting).filter((status) => status === 'pending').length;
      if (pending > 0) throw new Error(`${pending} of 5,000 were told that their order is pending`);
    },
    faults: async () => 1,
  },
  {
    name: 'shutdown', what: 'SIGTERM to each service: exit 0 within 10 s; a second signal ends at once', quick: true, perSecond: 200, seconds: 12,
    faults: async (stage) => {
      const { a, b } = stage;
      for (const service of [b, a]) {
        await sleep(1_500);
        expectExit(service.name, await service.stop());
        if (service === b) {
          const left = await handledNotCommitted(stage, await stage.committedOffsets());
          if (left.length > 0) throw new Error(`service-b ended on SIGTERM with ${left.length} handled records uncommitted: ${left.slice(0, 5).join(', ')}`);
        }
        service.start();
        await service.untilReady();
      }
      const exitsBefore = b.exits.length;
      // Two different ones: the kernel makes one of two pending signals of a kind.
      b.signal('SIGTERM');
      b.signal('SIGINT');
      await sleep(500);
      const exit = b.exits[exitsBefore];
      if (exit?.code !== 143 && exit?.code !== 130) {
        throw new Error(`a second signal did not end service-b at once: ${JSON.stringify(exit)}`);
      }
      await b.untilReady();
      return 3;
    },
  },
  {
    name: 'retention', what: 'the front of orders and payments is cut off, service-a restarted; what is left is answered', quick: true,
    perSecond: 100, seconds: 5,
    load: async (stage) => {
      await stage.load.run({ seconds: 5 });
      await stage.settle();
      // Payments of orders that are gone stay behind.
      await cutFront(stage, stage.topics.orders, 1 / 2);
      await cutFront(stage, stage.topics.payments, 1 / 4);
      stage.load.forget();
      expectExit('service-a', await stage.a.stop());
      stage.a.start();
      await stage.a.untilReady();
      await stage.load.run({ seconds: 2 });
    },
    faults: async () => 2,
  },
  {
    name: 'redrive', what: 'a redrive SIGKILL half-way, run again; then twice at once, service-b SIGKILL meanwhile, until nothing may be put back',
    quick: true, perSecond: 200, seconds: 3, env: { PAYMENT_SUCCESS_RATE: '0.5' },
    load: async (stage) => {
      await stage.load.run({ seconds: 3 });
      await stage.settle();
      await redriveKilled(stage);
      for (let round = 0; round < 3; round += 1) {
        await stage.settle();
        const twice = [stage.dlt(['redrive', '--all', '--yes']), stage.dlt(['redrive', '--all', '--yes'])];
        if (round === 0) await stage.b.kill();
        await Promise.all(twice.map(expectDone));
      }
    },
    faults: async () => 2,
  },
  {
    name: 'everything', what: '10,000 orders; each part restarted at one third, killed at one half', perSecond: 250, seconds: 40,
    faults: async ({ a, b, broker, load }) => {
      while (load.posted() < 3_333) await sleep(50);
      for (const service of [b, a]) {
        expectExit(service.name, await service.stop());
        service.start();
      }
      await broker.stop();
      await broker.start();
      while (load.posted() < 5_000) await sleep(50);
      await Promise.all([a.kill(), b.kill(), broker.kill()]);
      await broker.start();
      return 6;
    },
  },
];
