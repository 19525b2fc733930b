import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { noSchemas, readSchemas, type Schemas } from '../lib/avro-values';
import type { LocalBroker } from '../lib/broker';
import { give, listedGrants, renameGrants } from '../lib/grants';
import { waitFor, type Exit } from '../lib/process';
import { clientSettings } from '../lib/reach';
import { registerUnder, type LocalRegistry } from '../lib/registry';
import { listedTopics } from '../lib/topics';
import { createLoad } from './load';
import type { CommitSample, Topics } from './invariants';
import type { Proxy } from './proxy';
import type { Random } from './random';
import { startDlt, startService, type DltRun, type Service } from './service';

export type Stage = Awaited<ReturnType<typeof createStage>>;

/** Where a stage is: one broker or three, secured or not. */
export type Place = Pick<LocalBroker, 'brokers' | 'reach' | 'security'>;
export const placeOf = ({ brokers, reach, security }: Place): Place => ({ brokers, reach, security });

/** The configs that `kafka/topics.conf` gives a topic, and more. */
const configsOf = (topic: string, more: { name: string; value: string }[]): { name: string; value: string }[] =>
  [...(listedTopics().find((listed) => listed.topic === topic)?.configEntries ?? []), ...more];

/**
 * What a drill plays on: topics and consumer groups of its own on a running broker, one or several service-a, and members of service-b.
 * Offsets that service-b commits are sampled all the while.
 */
export const createStage = async ({
  name, brokers, reach = { brokers }, security, registry, proxy, random, perSecond, connections, appendTime = false, nodeArgs = [],
  env = {}, replicas: wanted = 1,
}: {
  name: string;
  /** Where the services find the brokers. */
  brokers: string;
  /** How the drill itself does, if otherwise. */
  reach?: Place['reach'];
  /** Of secured brokers: each service is a principal of its own, with the rights of `kafka/acls.conf` on what is the stage's. */
  security?: Place['security'];
  /** The services are told of it. */
  registry?: LocalRegistry | undefined;
  proxy?: Proxy;
  random: Random;
  perSecond: number;
  /** How many the load has open at most. */
  connections?: number;
  /** Records are stamped by the broker when it appends them, not by who made them. */
  appendTime?: boolean;
  /** Options of Node for the services, for example to profile them. */
  nodeArgs?: string[];
  env?: Record<string, string>;
  /** How many service-a; more than one need a store that they share. */
  replicas?: number;
}) => {
  const suffix = `${name}-${Date.now()}`;
  const topics: Topics = { orders: `orders.${suffix}`, payments: `payments.${suffix}`, deadLetters: `orders.DLT.${suffix}` };
  const groups = { a: `a.${suffix}`, b: `b.${suffix}` };
  const kafka = new Kafka({ ...clientSettings(reach), clientId: 'drill', logLevel: logLevel.NOTHING, requestTimeout: 10_000, retry: { retries: 8 } });
  const admin = kafka.admin();
  await admin.connect();
  const stamps = appendTime ? [{ name: 'message.timestamp.type', value: 'LogAppendTime' }] : [];
  const settings = { orders: configsOf('orders', stamps), payments: configsOf('payments', stamps), deadLetters: configsOf('orders.DLT', stamps) };
  const createTopic = async (topic: string, configEntries: { name: string; value: string }[]): Promise<void> => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 3, configEntries }], waitForLeaders: false });
    const hasLeaders = async (): Promise<boolean> => {
      const { topics: [metadata] } = await admin.fetchTopicMetadata({ topics: [topic] });
      return metadata?.partitions.length === 3 && metadata.partitions.every(({ leader }) => leader >= 0);
    };
    // A loaded broker takes its time to learn of a topic that its controller has created.
    await waitFor(`the leaders of ${topic}`, () => hasLeaders().catch(() => false));
  };
  /** What the principals may do here. */
  const grants = renameGrants(listedGrants(), {
    'orders': topics.orders, 'payments': topics.payments, 'orders.DLT': topics.deadLetters,
    'service-a-consumers': groups.a, 'service-b-consumers': groups.b,
  });
  if (security) await give(admin, grants);
  await createTopic(topics.orders, settings.orders);
  await createTopic(topics.payments, settings.payments);
  await createTopic(topics.deadLetters, settings.deadLetters);

  if (registry) await registerUnder(registry.url, { orders: topics.orders, payments: topics.payments });

  const shared = {
    ...(registry && { SCHEMA_REGISTRY_URL: registry.url }),
    KAFKA_BROKERS: brokers,
    ORDERS_TOPIC: topics.orders, PAYMENTS_TOPIC: topics.payments, DLT_TOPIC: topics.deadLetters,
    LOG_LEVEL: 'info', ...env,
  };
  const envB = { ...shared, ...security?.credentials('service-b'), ...security?.credentials('dlt', 'DLT'), KAFKA_GROUP_ID: groups.b };
  const startB = () => startService('service-b', envB, nodeArgs);
  const envA = { ...shared, ...security?.credentials('service-a'), KAFKA_GROUP_ID: groups.a };
  const replicas = await Promise.all(Array.from({ length: wanted }, () => startService('service-a', envA, nodeArgs)));
  const a = replicas[0]!;
  const members = [await startB()];
  const baseUrls = replicas.map(({ url }) => url);
  const load = createLoad({ baseUrls, random, perSecond, ...(connections !== undefined && { connections }) });

  /** Asks by an admin of its own: one that is kept goes on asking leaders and coordinators that have moved. */
  const ask = async <T>(question: (asking: Admin) => Promise<T>): Promise<T> => {
    const asking = kafka.admin();
    try {
      await asking.connect();
      return await question(asking);
    } finally {
      await asking.disconnect();
    }
  };
  const committedOffsets = async (): Promise<Map<number, number>> => {
    const [group] = await ask((asking) => asking.fetchOffsets({ groupId: groups.b, topics: [topics.orders] }));
    return new Map(group?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  };
  const commits: CommitSample[] = [];
  let sampling = true;
  const sampleCommits = async (): Promise<void> => {
    const offsets = await committedOffsets();
    commits.push({ at: Date.now(), offsets });
  };
  const sample = async (): Promise<void> => {
    while (sampling) {
      await sampleCommits().catch(() => undefined);
      await sleep(500);
    }
  };
  const sampled = sample();

  const settled = async (): Promise<boolean> => {
    const [ends, committed] = [await ask((asking) => asking.fetchTopicOffsets(topics.orders)), await committedOffsets()];
    if (ends.some(({ partition, high }) => (committed.get(partition) ?? 0) < Number(high))) return false;
    for (const orderId of load.accepted.keys()) {
      const view = await load.look(orderId);
      if (view === undefined || view.status === 'pending') return false;
    }
    return true;
  };

  return {
    topics, groups, admin, kafka, brokers, reach, security, grants, registry, proxy, a, replicas, members, load, random, commits,
    committedOffsets, sampleCommits, envA,
    b: members[0]!,
    /** What values of the topics were written with. */
    schemas: async (): Promise<Schemas> =>
      (registry ? readSchemas(registry.url, [`${topics.orders}-value`, `${topics.payments}-value`]) : noSchemas),
    addMember: async (): Promise<Service> => {
      const member = await startB();
      members.push(member);
      return member;
    },
    removeMember: async (): Promise<Exit & { ms: number }> => {
      const member = members.pop()!;
      member.close();
      return member.stop();
    },
    untilReady: async (timeoutMs?: number): Promise<void> => {
      await Promise.all([...replicas, ...members].map((service) => service.untilReady(timeoutMs)));
    },
    /** Waits until every record has its outcome committed and every accepted order shows it; returns the seconds it took. */
    settle: async (timeoutMs = 90_000): Promise<number> => {
      const startedAt = Date.now();
      await waitFor('every order to have its outcome', () => settled().catch(() => false), { timeoutMs, intervalMs: 250 });
      return (Date.now() - startedAt) / 1_000;
    },
    dlt: (args: string[], settings: Record<string, string> = {}): DltRun => startDlt({ ...envB, ...settings }, args),
    recreateTopic: async (topic: keyof Topics): Promise<void> => {
      await createTopic(topics[topic], settings[topic]);
    },
    close: async (): Promise<void> => {
      sampling = false;
      await sampled;
      await Promise.all([...replicas, ...members].map((service) => service.stop()));
      for (const service of [...replicas, ...members]) service.close();
      load.close();
      await admin.deleteTopics({ topics: Object.values(topics) }).catch(() => undefined);
      await admin.disconnect();
    },
  };
};
