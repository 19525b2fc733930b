import { resolve } from 'node:path';
import { createRandom } from '../drill/random';
import { readTopics, type TopicRecord } from '../drill/read-topic';
import { createStage, placeOf, type Place, type Stage } from '../drill/stage';
import type { LocalBroker } from '../lib/broker';
import { freePort } from '../lib/ports';
import { startChild, waitFor } from '../lib/process';
import type { LocalRegistry } from '../lib/registry';
import { budgetOf } from './budget';
import { atRate, CONNECTIONS, cpuMs, cpuMsOfTree, percentile, rssMiB, saturate, type Saturation } from './measure';

const profiles = resolve(__dirname, '../../profiles');
const RATE = { perSecond: 200, seconds: 10 };

export type Durations = { warmup: number; seconds: number };

export type BareRun = { saturation: Saturation; cpuUsPerRequest: number; rate200: { p50: number; p99: number } };

/** What an Express service costs without Kafka. Times in microseconds. */
export const benchBare = async ({ warmup, seconds }: Durations): Promise<BareRun> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = startChild({
    command: process.execPath,
    args: [resolve(__dirname, 'bare-express.js')],
    env: { ...process.env, NODE_ENV: 'production', PORT: String(port) },
    log: (line) => console.log(line),
  });
  try {
    await waitFor('the bare server', () => fetch(url).then(() => true, () => false));
    const pid = child.pid!;
    await saturate(url, { connections: CONNECTIONS, seconds: warmup });
    const cpuBefore = cpuMs(pid);
    const saturation = await saturate(url, { connections: CONNECTIONS, seconds });
    const cpuUsPerRequest = ((cpuMs(pid) - cpuBefore) * 1_000) / saturation.requests;
    const micros = await atRate(url, RATE);
    return { saturation, cpuUsPerRequest, rate200: { p50: percentile(micros, 50), p99: percentile(micros, 99) } };
  } finally {
    await child.stop(5_000);
  }
};

/**
 * What the topics say, by the broker's own time stamps: how many orders finished within a time, and how long from append to append.
 * @throws when an order has no outcome, or two
 */
const outcomes = async ({ reach, topics }: Stage) => {
  const { orders, payments, deadLetters } = await readTopics(reach, topics);
  const finishedAt = new Map<string, number>();
  let doubles = 0;
  for (const { key, appendedAt } of [...payments, ...deadLetters]) {
    const id = key!.toString();
    if (finishedAt.has(id)) doubles += 1;
    else finishedAt.set(id, appendedAt);
  }
  const lost = orders.filter(({ key }) => !finishedAt.has(key!.toString())).length;
  if (lost > 0 || doubles > 0 || finishedAt.size !== orders.length) {
    throw new Error(`the topics are not as promised: ${orders.length} orders, ${lost} without an outcome, ${doubles} outcomes twice`);
  }
  const meanBytes = (records: TopicRecord[]): number =>
    records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) / Math.max(1, records.length);
  return {
    total: orders.length,
    /** Of a value. */
    bytes: { orders: meanBytes(orders), payments: meanBytes(payments) },
    finishedBetween: (from: number, to: number): number => [...finishedAt.values()].filter((at) => at >= from && at < to).length,
    /** In milliseconds, of the orders appended in that time. */
    latencies: (from: number, to: number) => {
      const all = orders
        .filter(({ appendedAt }) => appendedAt >= from && appendedAt < to)
        .map(({ key, appendedAt }) => finishedAt.get(key!.toString())! - appendedAt);
      return { p50: percentile(all, 50), p95: percentile(all, 95), p99: percentile(all, 99), max: percentile(all, 100) };
    },
  };
};

/** One broker or three. */
export type Brokers = Place & Pick<LocalBroker, 'pids'>;

export type PairRun = Awaited<ReturnType<typeof benchPair>>;

/** A figure of each broker by its name. */
const byBroker = (figures: number[]): Record<string, number> =>
  Object.fromEntries(figures.map((figure, i) => [figures.length === 1 ? 'broker' : `broker ${i + 1}`, figure]));

/** What a pair has otherwise than one service-a that holds its orders in memory. */
export type Variant = {
  env?: Record<string, string>;
  /** Values are Avro. */
  registry?: LocalRegistry;
  /** How many service-a; the load is parted among them. */
  replicas?: number;
  /** The server of their database. */
  postgresPid?: number;
  /** Comes when the pair is ready, before the load. */
  before?: (stage: Stage) => Promise<void>;
  /** Comes when all is measured, before the pair goes. */
  after?: (stage: Stage) => Promise<void>;
};

/** Every instance of service-a loaded at once, by connections that are parted among them; the times are those of the slowest. */
const saturateAll = async ({ replicas }: Stage, seconds: number): Promise<Saturation> => {
  const parts = await Promise.all(replicas.map(({ url }) => saturate(url, { connections: CONNECTIONS / replicas.length, seconds })));
  const largest = (name: 'seconds' | 'p50' | 'p99' | 'max'): number => Math.max(...parts.map((part) => part[name]));
  return {
    requests: parts.reduce((sum, { requests }) => sum + requests, 0), errors: 0,
    seconds: largest('seconds'), p50: largest('p50'), p99: largest('p99'), max: largest('max'),
  };
};

/** The pair, as built and at default settings, on topics of its own. Times of answers in microseconds, of outcomes in milliseconds. */
export const benchPair = async (broker: Brokers, { warmup, seconds, profile }: Durations & { profile: boolean }, variant: Variant = {}) => {
  const { env = {}, registry, replicas = 1, postgresPid, before, after } = variant;
  const stage = await createStage({
    name: 'bench', ...placeOf(broker), random: createRandom(1), perSecond: 0, appendTime: true, replicas, registry,
    env: { NODE_ENV: 'production', ...env }, ...(profile && { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] }),
  });
  try {
    await stage.untilReady();
    await before?.(stage);
    const pids = { a: stage.a.pid(), b: stage.b.pid(), brokers: broker.pids() };
    const cpuNow = () => ({
      a: stage.replicas.reduce((sum, replica) => sum + cpuMs(replica.pid()), 0), b: cpuMs(pids.b), brokers: pids.brokers.map(cpuMs),
      postgres: postgresPid === undefined ? 0 : cpuMsOfTree(postgresPid),
    });
    await saturateAll(stage, warmup);
    await stage.settle();
    const [cpuBefore, from] = [cpuNow(), Date.now()];
    const saturation = await saturateAll(stage, seconds);
    const to = Date.now();
    await stage.settle();
    const cpuAfter = cpuNow();
    const perOrder = (start: number, end: number): number => ((end - start) * 1_000) / saturation.requests;
    const ofBrokers = cpuAfter.brokers.map((end, i) => perOrder(cpuBefore.brokers[i]!, end));
    const peaks = pids.brokers.map((pid) => rssMiB(pid).peak);
    const rateFrom = Date.now();
    const micros = await atRate(stage.a.url, RATE);
    const rateTo = Date.now();
    await stage.settle();
    const seen = await outcomes(stage);
    await after?.(stage);
    return {
      pids,
      saturation,
      finishedPerSecond: seen.finishedBetween(from, to) / ((to - from) / 1_000),
      cpuUsPerOrder: {
        a: perOrder(cpuBefore.a, cpuAfter.a), b: perOrder(cpuBefore.b, cpuAfter.b), ...byBroker(ofBrokers),
        ...(postgresPid !== undefined && { postgres: perOrder(cpuBefore.postgres, cpuAfter.postgres) }),
      },
      peakRssMiB: { a: rssMiB(pids.a).peak, b: rssMiB(pids.b).peak, ...byBroker(peaks) },
      saturationOutcomeMs: seen.latencies(from, to),
      rate200: { p50: percentile(micros, 50), p99: percentile(micros, 99), outcomeMs: seen.latencies(rateFrom, rateTo) },
      orders: seen.total,
      bytes: seen.bytes,
    };
  } finally {
    await stage.close();
  }
};

/** Where the microseconds of a profiled run went, by service. */
export const budgetsOf = ({ pids, cpuUsPerOrder: { a, b } }: PairRun) => ({
  a: budgetOf({ dir: profiles, pid: pids.a, cpuUsPerOrder: a }),
  b: budgetOf({ dir: profiles, pid: pids.b, cpuUsPerOrder: b }),
});

/** From order to outcome at 200 orders/s with a gateway that is always there, in milliseconds: no backoff in the figures. */
export const benchWithoutOutages = async (broker: LocalBroker) => {
  const stage = await createStage({
    name: 'bench-no-outages', ...placeOf(broker), random: createRandom(1), perSecond: 0, appendTime: true,
    env: { NODE_ENV: 'production', PAYMENT_TRANSIENT_RATE: '0' },
  });
  try {
    await stage.untilReady();
    await saturate(stage.a.url, { connections: CONNECTIONS, seconds: 5 });
    await stage.settle();
    const from = Date.now();
    await atRate(stage.a.url, RATE);
    const to = Date.now();
    await stage.settle();
    return (await outcomes(stage)).latencies(from, to);
  } finally {
    await stage.close();
  }
};

/** The pair's figures by those of bare Express in the same run. */
export const ratiosOf = (bare: BareRun, pair: PairRun) => ({
  finished: pair.finishedPerSecond / (bare.saturation.requests / bare.saturation.seconds),
  cpuA: pair.cpuUsPerOrder.a / bare.cpuUsPerRequest,
  cpuB: pair.cpuUsPerOrder.b / bare.cpuUsPerRequest,
  postP50At200: pair.rate200.p50 / bare.rate200.p50,
  postP99AtSaturation: pair.saturation.p99 / bare.saturation.p99,
});
