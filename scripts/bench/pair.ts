import { resolve } from 'node:path';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, placeOf, type Place, type Stage } from '../drill/stage';
import type { LocalBroker } from '../lib/broker';
import { freePort } from '../lib/ports';
import { startChild, waitFor } from '../lib/process';
import { budgetOf } from './budget';
import { atRate, CONNECTIONS, cpuMs, percentile, rssMiB, saturate, type Saturation } from './measure';

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
  const [orders, payments, deadLetters] = [
    await readTopic(reach, topics.orders), await readTopic(reach, topics.payments), await readTopic(reach, topics.deadLetters),
  ];
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
  return {
    total: orders.length,
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

/** The pair, as built and at default settings, on topics of its own. Times of answers in microseconds, of outcomes in milliseconds. */
export const benchPair = async (broker: Brokers, { warmup, seconds, profile }: Durations & { profile: boolean }) => {
  const stage = await createStage({
    name: 'bench', ...placeOf(broker), random: createRandom(1), perSecond: 0, appendTime: true,
    env: { NODE_ENV: 'production' }, ...(profile && { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${profiles}`] }),
  });
  try {
    await stage.untilReady();
    const pids = { a: stage.a.pid(), b: stage.b.pid(), brokers: broker.pids() };
    const cpuNow = () => ({ a: cpuMs(pids.a), b: cpuMs(pids.b), brokers: pids.brokers.map(cpuMs) });
    await saturate(stage.a.url, { connections: CONNECTIONS, seconds: warmup });
    await stage.settle();
    const [cpuBefore, from] = [cpuNow(), Date.now()];
    const saturation = await saturate(stage.a.url, { connections: CONNECTIONS, seconds });
    const to = Date.now();
    await stage.settle();
    const cpuAfter = cpuNow();
    const perOrder = (before: number, after: number): number => ((after - before) * 1_000) / saturation.requests;
    const ofBrokers = cpuAfter.brokers.map((after, i) => perOrder(cpuBefore.brokers[i]!, after));
    const peaks = pids.brokers.map((pid) => rssMiB(pid).peak);
    const rateFrom = Date.now();
    const micros = await atRate(stage.a.url, RATE);
    const rateTo = Date.now();
    await stage.settle();
    const seen = await outcomes(stage);
    return {
      pids,
      saturation,
      finishedPerSecond: seen.finishedBetween(from, to) / ((to - from) / 1_000),
      cpuUsPerOrder: { a: perOrder(cpuBefore.a, cpuAfter.a), b: perOrder(cpuBefore.b, cpuAfter.b), ...byBroker(ofBrokers) },
      peakRssMiB: { a: rssMiB(pids.a).peak, b: rssMiB(pids.b).peak, ...byBroker(peaks) },
      saturationOutcomeMs: seen.latencies(from, to),
      rate200: { p50: percentile(micros, 50), p99: percentile(micros, 99), outcomeMs: seen.latencies(rateFrom, rateTo) },
      orders: seen.total,
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
