import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from '../lib/ports';
import { serviceNodeArgs, startChild, waitFor, type Child, type Exit } from '../lib/process';
import { listedTopics } from '../lib/topics';
import { createClient, createLoad } from './load';
import type { CommitSample, Topics } from './invariants';
import type { Proxy } from './proxy';
import type { Random } from './random';

const root = resolve(__dirname, '../..');

export type Service = Awaited<ReturnType<typeof startService>>;
export type Stage = Awaited<ReturnType<typeof createStage>>;

/** One of the built services as a child process, restarted when it fails, as Compose does (`restart: unless-stopped`). */
const startService = async (name: 'service-a' | 'service-b', env: Record<string, string>, nodeArgs: string[]) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  const client = createClient(url);
  const exits: Exit[] = [];
  let wanted = true;
  let child: Child;

  const launch = (): void => {
    const launched = startChild({
      command: process.execPath,
      args: [...serviceNodeArgs, ...nodeArgs, 'dist/index.js'],
      cwd: resolve(root, name),
      env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), ...env },
      log: (line) => {
        lines.push(line);
        if (lines.length > 2_000) lines.shift();
      },
    });
    child = launched;
    void launched.exited.then((exit) => {
      exits.push(exit);
      if (wanted && exit.code !== 0) setTimeout(launch, 200);
    });
  };
  launch();

  const ready = async (): Promise<boolean> => {
    const answer = await client.send('GET', '/ready').catch(() => undefined);
    return answer?.status === 200;
  };

  return {
    name,
    url,
    lines,
    exits,
    ready,
    running: (): boolean => child.running(),
    /** Ends that nobody asked for, which a restart would hide. A second signal ends with 130 or 143, a SIGKILL has no code. */
    crashes: (): Exit[] => exits.filter(({ code }) => code !== null && ![0, 130, 143].includes(code)),
    pid: (): number => child.pid!,
    untilReady: (timeoutMs = 30_000) => waitFor(`${name} to be ready`, ready, { timeoutMs }),
    untilNotReady: (timeoutMs = 15_000) => waitFor(`${name} to say it is not ready`, async () => !(await ready()), { timeoutMs }),
    /** SIGKILL; it comes back as Compose would bring it back. */
    kill: async (): Promise<void> => {
      const dying = child.exited;
      child.signal('SIGKILL');
      await dying;
    },
    /** A signal to the process as it is. */
    signal: (signal: NodeJS.Signals): void => child.signal(signal),
    /** SIGTERM; resolves with how it ended and how long that took. */
    stop: async (): Promise<Exit & { ms: number }> => {
      wanted = false;
      const startedAt = Date.now();
      const exit = await child.stop(15_000);
      return { ...exit, ms: Date.now() - startedAt };
    },
    start: (): void => {
      wanted = true;
      launch();
    },
    close: client.close,
  };
};

export type DltRun = ReturnType<typeof startDlt>;

/** service-b's command for dead letters, as a child process. */
const startDlt = (env: Record<string, string>, args: string[]) => {
  const output = { stdout: [] as string[], stderr: [] as string[] };
  const child = startChild({
    command: process.execPath,
    args: ['--enable-source-maps', 'dist/dlt.js', ...args],
    cwd: resolve(root, 'service-b'),
    env: { ...process.env, ...env },
    log: (line, stream) => void output[stream].push(line),
  });
  return { pid: child.pid, signal: child.signal, ended: child.exited.then((exit) => ({ ...exit, ...output })) };
};

/** The configs that `kafka/topics.conf` gives a topic, and more. */
const configsOf = (topic: string, more: { name: string; value: string }[]): { name: string; value: string }[] =>
  [...(listedTopics().find((listed) => listed.topic === topic)?.configEntries ?? []), ...more];

/**
 * What a drill plays on: topics and consumer groups of its own on a running broker, one service-a, and members of service-b.
 * Offsets that service-b commits are sampled all the while.
 */
export const createStage = async ({
  name, brokers, advertised = brokers, proxy, random, perSecond, appendTime = false, nodeArgs = [], env = {},
}: {
  name: string;
  brokers: string;
  /** Where the services find the broker, if not at its own address. */
  advertised?: string;
  proxy?: Proxy;
  random: Random;
  perSecond: number;
  /** Records are stamped by the broker when it appends them, not by who made them. */
  appendTime?: boolean;
  /** Options of Node for the services, for example to profile them. */
  nodeArgs?: string[];
  env?: Record<string, string>;
}) => {
  const suffix = `${name}-${Date.now()}`;
  const topics: Topics = { orders: `orders.${suffix}`, payments: `payments.${suffix}`, deadLetters: `orders.DLT.${suffix}` };
  const groupB = `b.${suffix}`;
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'drill', logLevel: logLevel.NOTHING, retry: { retries: 8 } });
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
  await createTopic(topics.orders, settings.orders);
  await createTopic(topics.payments, settings.payments);
  await createTopic(topics.deadLetters, settings.deadLetters);

  const shared = {
    KAFKA_BROKERS: advertised,
    ORDERS_TOPIC: topics.orders, PAYMENTS_TOPIC: topics.payments, DLT_TOPIC: topics.deadLetters,
    LOG_LEVEL: 'info', ...env,
  };
  const envB = { ...shared, KAFKA_GROUP_ID: groupB };
  const startB = () => startService('service-b', envB, nodeArgs);
  const a = await startService('service-a', { ...shared, KAFKA_GROUP_ID: `a.${suffix}` }, nodeArgs);
  const members = [await startB()];
  const load = createLoad({ baseUrl: a.url, random, perSecond });

  const committedOffsets = async (): Promise<Map<number, number>> => {
    const [group] = await admin.fetchOffsets({ groupId: groupB, topics: [topics.orders] });
    return new Map(group?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  };
  const commits: CommitSample[] = [];
  let sampling = true;
  const sample = async (): Promise<void> => {
    while (sampling) {
      const offsets = await committedOffsets().catch(() => undefined);
      if (offsets !== undefined) commits.push({ at: Date.now(), offsets });
      await sleep(500);
    }
  };
  const sampled = sample();

  const settled = async (): Promise<boolean> => {
    const [ends, committed] = [await admin.fetchTopicOffsets(topics.orders), await committedOffsets()];
    if (ends.some(({ partition, high }) => (committed.get(partition) ?? 0) < Number(high))) return false;
    for (const orderId of load.accepted.keys()) {
      const view = await load.look(orderId);
      if (view === undefined || view.status === 'pending') return false;
    }
    return true;
  };

  return {
    topics, admin, kafka, brokers, proxy, a, members, load, random, commits, committedOffsets,
    b: members[0]!,
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
      await Promise.all([a, ...members].map((service) => service.untilReady(timeoutMs)));
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
      await Promise.all([a, ...members].map((service) => service.stop()));
      for (const service of [a, ...members]) service.close();
      load.close();
      await admin.deleteTopics({ topics: Object.values(topics) }).catch(() => undefined);
      await admin.disconnect();
    },
  };
};
