import { setTimeout as sleep } from 'node:timers/promises';
import { schemaOf } from '../lib/avro-values';
import { waitFor } from '../lib/process';
import { registerVersion, type LocalRegistry } from '../lib/registry';
import { startCounter } from './counter';
import type { Drill } from './drills';
import { createNextConsumer, createNextProducer, latestOf, registerNext, withData } from './next-version';
import { poisonKinds } from './poison-avro';
import { readTopic } from './read-topic';
import type { Service } from './service';
import type { Stage } from './stage';
import { compareTimes, outcomeTimes, readOutcomes } from './times';

/** How large the drills are: those of CI are smaller. */
type Size = { awaySeconds: number; poisonOfEachKind: number; phaseSeconds: number };
const WHOLE: Size = { awaySeconds: 60, poisonOfEachKind: 1_000, phaseSeconds: 8 };
const QUICK: Size = { awaySeconds: 12, poisonOfEachKind: 200, phaseSeconds: 3 };

/** What the services may ask a registry while thousands of records cannot be read: a handful, each. */
const MAX_REQUESTS = 20;
const registryOf = ({ registry }: Stage): LocalRegistry => {
  if (registry === undefined) throw new Error('this drill needs a schema registry: --registry');
  return registry;
};

/** Waits until a service says that it is not ready, and that this check is why. */
const untilFails = (service: Service, check: string): Promise<void> => waitFor(`${service.name} to name ${check} in /ready`, async () => {
  // No answer: it is starting.
  const answer = await fetch(`${service.url}/ready`).catch(() => undefined);
  return answer?.status === 503 && (await answer.text()).includes(`"${check}":false`);
}, { timeoutMs: 20_000 });

const restart = async (service: Service, settings: Record<string, string>): Promise<void> => {
  const { code } = await service.stop();
  if (code !== 0) throw new Error(`${service.name} ended with exit code ${code} on SIGTERM, not 0`);
  service.start(settings);
};

const countOutcomes = async (stage: Stage, orderId: string): Promise<number> =>
  (await readOutcomes(stage)).filter(({ key }) => key?.toString() === orderId).length;

/** How many records a topic has. */
const sizeOf = async ({ admin }: Stage, topic: string): Promise<number> =>
  (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);

const away = (seconds: number) => async (stage: Stage): Promise<number> => {
  const { a, b, load, topics } = stage;
  const registry = registryOf(stage);
  const next = await createNextProducer(stage, await registerNext(registry.url, topics.orders));
  // The first answers are those of cold services.
  await sleep(3_000);
  const start = Date.now();
  await sleep(5_000);
  const from = Date.now();
  await registry.kill();
  const unknown = load.anOrder();
  await next.send(unknown, 'written in a version that nobody has met');
  await Promise.all([untilFails(a, 'schemasReadable'), untilFails(b, 'schemasReadable')]);
  await sleep(Math.max(0, from + seconds * 1_000 - Date.now()));
  const to = Date.now();
  if (await countOutcomes(stage, unknown.orderId) > 0) throw new Error('a record had its outcome though nobody could read it');
  await registry.start();
  await stage.untilReady();
  await waitFor('the record that waited to have its outcome', async () => await countOutcomes(stage, unknown.orderId) === 1);
  await next.close();
  compareTimes('order accepted', load.answers, [start, from, to]);
  // What was ordered at the end may have its outcome later.
  compareTimes('outcome', (await outcomeTimes(stage)).filter(({ ms }) => ms !== Infinity), [start, from + 500, to - 1_000]);
  return 1;
};

const awayAtStart = async (stage: Stage): Promise<number> => {
  const { a, b, topics } = stage;
  const registry = registryOf(stage);
  await sleep(2_000);
  await registry.kill();
  await Promise.all([restart(a, {}), restart(b, {})]);
  await Promise.all([untilFails(a, 'schemaRegistered'), untilFails(b, 'schemaRegistered')]);
  const before = await sizeOf(stage, topics.orders);
  const { status } = await stage.load.client.send('POST', '/orders', JSON.stringify(stage.load.anOrder()));
  if (status !== 503) throw new Error(`POST answered ${status} though nobody knew the schema to write with`);
  await sleep(2_000);
  if (await sizeOf(stage, topics.orders) !== before) throw new Error('orders were written though nobody knew the schema to write with');
  await registry.start();
  await stage.untilReady();
  return 3;
};

const poison = (ofEachKind: number) => async (stage: Stage): Promise<number> => {
  const { a, b, topics, reach, random } = stage;
  const registry = registryOf(stage);
  const counter = await startCounter(registry.url);
  await Promise.all([restart(a, { SCHEMA_REGISTRY_URL: counter.url }), restart(b, { SCHEMA_REGISTRY_URL: counter.url })]);
  await stage.untilReady();
  const { id, schema } = await latestOf(registry.url, `${topics.orders}-value`);
  const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (const [kind, make] of Object.entries(poisonKinds(id, schemaOf(schema)))) {
    const asked = counter.paths.length;
    const keys = Array.from({ length: ofEachKind }, () => random.uuid());
    for (let i = 0; i < keys.length; i += 100) {
      await producer.send({ topic: topics.orders, messages: keys.slice(i, i + 100).map((key, at) => ({ key, value: make(key, i + at) })) });
    }
    await waitFor(`a dead letter of each record with ${kind}`, async () => {
      const dead = new Set((await readTopic(reach, topics.deadLetters)).map(({ key }) => key?.toString()));
      return keys.every((key) => dead.has(key));
    }, { timeoutMs: 60_000, intervalMs: 500 });
    const requests = counter.paths.slice(asked);
    console.log(`  ${ofEachKind} records with ${kind}: dead-lettered, ${requests.length} requests to the registry`);
    if (requests.length > MAX_REQUESTS) throw new Error(`${requests.length} requests for ${kind}, such as ${requests.slice(0, 3).join(', ')}`);
  }
  await producer.disconnect();
  counter.close();
  return 5 * ofEachKind;
};

/** The load goes on for as long as the faults take, however slow the machine is. */
const whileLoaded = (faults: (stage: Stage) => Promise<number>): Pick<Drill, 'load' | 'faults'> => {
  let over = false;
  return {
    load: async ({ load }) => {
      while (!over) await load.run({ seconds: 1 });
    },
    faults: (stage) => faults(stage).finally(() => {
      over = true;
    }),
  };
};

/** To Avro and back under load: each service by itself, so that both forms are written and read side by side. */
const switchOver = (phaseSeconds: number) => async (stage: Stage): Promise<number> => {
  const { a, b, reach, topics } = stage;
  const { url } = registryOf(stage);
  const firstBytes = async (topic: string): Promise<Set<number | undefined>> =>
    new Set((await readTopic(reach, topic)).map(({ value }) => value?.[0]));
  await sleep(phaseSeconds * 1_000);
  const avroBefore = (await firstBytes(topics.orders)).has(0);
  for (const [services, told] of [[[b, a], url], [[a, b], '']] as const) {
    for (const service of services) {
      await restart(service, { SCHEMA_REGISTRY_URL: told });
      await service.untilReady();
    }
    await sleep(phaseSeconds * 1_000);
  }
  for (const topic of [topics.orders, topics.payments]) {
    const seen = await firstBytes(topic);
    if (avroBefore || !seen.has(0) || !seen.has('{'.charCodeAt(0))) throw new Error(`${topic} does not hold JSON and Avro: ${[...seen].join()}`);
  }
  return 4;
};

const evolve = (phaseSeconds: number) => async (stage: Stage): Promise<number> => {
  const { a, load, topics } = stage;
  const { url } = registryOf(stage);
  await sleep(1_000);
  const subject = `${topics.orders}-value`;
  const broken = withData((await latestOf(url, subject)).schema, (fields) => fields.push({ name: 'note', type: 'string' }));
  const refusal = await registerVersion(url, subject, broken).then(() => undefined, (error: unknown) => (error as Error).message);
  if (refusal?.includes('is refused') !== true) throw new Error(`a field without a default was not refused: ${refusal}`);

  const [orders, payments] = [await registerNext(url, topics.orders), await registerNext(url, topics.payments)];
  const consumer = await createNextConsumer(stage, { [topics.orders]: orders.type, [topics.payments]: payments.type });
  const producer = await createNextProducer(stage, orders);
  let sent = 0;
  // What both versions have written is read again from the beginning.
  const killing = sleep(phaseSeconds * 500).then(a.kill);
  const until = Date.now() + phaseSeconds * 1_000;
  while (Date.now() < until) {
    const order = load.anOrder();
    await producer.send(order, sent % 2 === 0 ? `note ${sent}` : null);
    await waitFor(`${order.orderId} at service-a`, async () =>
      (await load.client.send('GET', `/orders/${order.orderId}`).catch(() => undefined))?.status === 200, { intervalMs: 10 });
    load.noteAccepted(order);
    sent += 1;
  }
  await killing;
  await sleep(load.secondsLeft() * 1_000);
  await stage.settle();
  for (const [topic, notes] of consumer.notes) {
    await waitFor(`the new consumer to read all of ${topic}`, async () => notes.length + consumer.faults.length >= await sizeOf(stage, topic));
  }
  await Promise.all([producer.close(), consumer.close()]);
  if (consumer.faults.length > 0) throw new Error(`the new consumer: ${consumer.faults.slice(0, 3).join('; ')}`);
  const seen = consumer.notes.get(topics.orders)!;
  const withOne = seen.filter((note) => note !== null).length;
  console.log(`  ${sent} orders of the next version among ${seen.length}, ${withOne} with the new field`);
  if (withOne !== Math.ceil(sent / 2)) throw new Error(`${withOne} orders have the new field for the new consumer, not ${Math.ceil(sent / 2)}`);
  return 2;
};

/** What happens to contracts that a registry keeps. */
export const registryDrills = (quick: boolean): Drill[] => {
  const { awaySeconds, poisonOfEachKind, phaseSeconds } = quick ? QUICK : WHOLE;
  return [
    {
      name: 'registry-away', what: `the registry SIGKILL, away for ${awaySeconds} s; a record of an unknown version waits, everything else goes on`,
      quick: true, perSecond: 100, seconds: awaySeconds + 12, env: { PAYMENT_TRANSIENT_RATE: '0' }, faults: away(awaySeconds),
    },
    {
      name: 'registry-away-at-start', what: 'both services started without the registry: 503, /ready names it; then ready by themselves',
      quick: true, perSecond: 60, seconds: 12, faults: awayAtStart,
    },
    {
      name: 'poison-avro', what: `${poisonOfEachKind} records of each kind of Avro that is none: in the DLT to the byte, the registry is not stormed`,
      quick: true, perSecond: 40, seconds: 10, faults: poison(poisonOfEachKind),
    },
    {
      name: 'switch-over', what: 'JSON, then Avro, then JSON again, by restarts under load', quick: true, env: { SCHEMA_REGISTRY_URL: '' },
      perSecond: 100, seconds: 0, ...whileLoaded(switchOver(phaseSeconds)),
    },
    {
      name: 'evolution', what: 'the next version of both contracts beside this one: new producer, old consumers; old producers, new consumer',
      quick: true, perSecond: 60, seconds: phaseSeconds + 5, faults: evolve(phaseSeconds),
    },
  ];
};
