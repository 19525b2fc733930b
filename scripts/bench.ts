import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { atRate, cpuMs, median, percentile, rssMiB, saturate, type Saturation } from './bench/measure';
import { createRandom } from './drill/random';
import { readTopic } from './drill/read-topic';
import { createStage, type Stage } from './drill/stage';
import { startLocalBroker, type LocalBroker } from './lib/broker';
import { freePort } from './lib/ports';
import { startChild, waitFor } from './lib/process';

const root = resolve(__dirname, '..');
const CONNECTIONS = 64;
const usage = 'usage: npm run bench -- [--warmup SECONDS] [--seconds SECONDS] [--runs N] [--json FILE] [--profile]';

type Options = { warmup: number; seconds: number; runs: number; json: string; profile: boolean };

type BareRun = { saturation: Saturation; cpuUsPerRequest: number; rate200: { p50: number; p99: number } };

type PairRun = {
  saturation: Saturation;
  finishedPerSecond: number;
  cpuUsPerOrder: { a: number; b: number; broker: number };
  peakRssMiB: { a: number; b: number; broker: number };
  rate200: { p50: number; p99: number; outcomeMs: { p50: number; p95: number; p99: number; max: number } };
  saturationOutcomeMs: { p50: number; p99: number; max: number };
  orders: number;
};

const parseArguments = (args: string[]): Options => {
  const options: Options = { warmup: 60, seconds: 20, runs: 3, json: 'bench-report.json', profile: false };
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i];
    if (arg === '--profile') options.profile = true;
    else if (arg === '--json') options.json = args[i += 1] ?? options.json;
    else if (arg === '--warmup' || arg === '--seconds' || arg === '--runs') options[arg.slice(2) as 'warmup' | 'seconds' | 'runs'] = Number(args[i += 1]);
    else throw new Error(`${arg} is no option.\n${usage}`);
  }
  return options;
};

const benchBare = async ({ warmup, seconds }: Options): Promise<BareRun> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = startChild({
    command: process.execPath,
    args: [resolve(root, 'scripts/bench/bare-express.js')],
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
    const micros = await atRate(url, { perSecond: 200, seconds: 10 });
    return { saturation, cpuUsPerRequest, rate200: { p50: percentile(micros, 50), p99: percentile(micros, 99) } };
  } finally {
    await child.stop(5_000);
  }
};

/** Time from an order's append to its outcome's append, in ms, for the orders appended within a window; also how many finished in it. */
const outcomes = async (broker: LocalBroker, { topics }: Stage) => {
  const read = (topic: string) => readTopic(broker.brokers, topic);
  const [orders, payments, deadLetters] = [await read(topics.orders), await read(topics.payments), await read(topics.deadLetters)];
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
    latenciesBetween: (from: number, to: number): number[] =>
      orders
        .filter(({ appendedAt }) => appendedAt >= from && appendedAt < to)
        .map(({ key, appendedAt }) => finishedAt.get(key!.toString())! - appendedAt),
  };
};

const benchPair = async (broker: LocalBroker, run: number, { warmup, seconds, profile }: Options): Promise<PairRun> => {
  const stage = await createStage({
    name: `bench-${run}`, brokers: broker.brokers, random: createRandom(run), perSecond: 0, appendTime: true,
    env: { NODE_ENV: 'production' }, ...(profile && { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${resolve(root, 'profiles')}`] }),
  });
  try {
    await stage.untilReady();
    const pids = { a: stage.a.pid(), b: stage.b.pid(), broker: broker.pid()! };
    const cpuNow = () => ({ a: cpuMs(pids.a), b: cpuMs(pids.b), broker: cpuMs(pids.broker) });
    await saturate(stage.a.url, { connections: CONNECTIONS, seconds: warmup });
    const [cpuBefore, from] = [cpuNow(), Date.now()];
    const saturation = await saturate(stage.a.url, { connections: CONNECTIONS, seconds });
    const to = Date.now();
    await stage.settle();
    const cpuAfter = cpuNow();
    const perOrder = (part: 'a' | 'b' | 'broker'): number => ((cpuAfter[part] - cpuBefore[part]) * 1_000) / saturation.requests;
    const rateFrom = Date.now();
    const micros = await atRate(stage.a.url, { perSecond: 200, seconds: 10 });
    const rateTo = Date.now();
    await stage.settle();
    const seen = await outcomes(broker, stage);
    const slow = seen.latenciesBetween(rateFrom, rateTo);
    const busy = seen.latenciesBetween(from, to);
    return {
      saturation,
      finishedPerSecond: seen.finishedBetween(from, to) / ((to - from) / 1_000),
      cpuUsPerOrder: { a: perOrder('a'), b: perOrder('b'), broker: perOrder('broker') },
      peakRssMiB: { a: rssMiB(pids.a).peak, b: rssMiB(pids.b).peak, broker: rssMiB(pids.broker).peak },
      rate200: {
        p50: percentile(micros, 50), p99: percentile(micros, 99),
        outcomeMs: { p50: percentile(slow, 50), p95: percentile(slow, 95), p99: percentile(slow, 99), max: percentile(slow, 100) },
      },
      saturationOutcomeMs: { p50: percentile(busy, 50), p99: percentile(busy, 99), max: percentile(busy, 100) },
      orders: seen.total,
    };
  } finally {
    await stage.close();
  }
};

const ratios = (bare: BareRun, pair: PairRun) => ({
  finished: pair.finishedPerSecond / (bare.saturation.requests / bare.saturation.seconds),
  cpuA: pair.cpuUsPerOrder.a / bare.cpuUsPerRequest,
  cpuB: pair.cpuUsPerOrder.b / bare.cpuUsPerRequest,
  postP50At200: pair.rate200.p50 / bare.rate200.p50,
  postP99AtSaturation: pair.saturation.p99 / bare.saturation.p99,
});

const print = (label: string, values: Record<string, number>): void =>
  console.log(`${label.padEnd(28)} ${Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(value < 10 ? 2 : 0)}`).join('   ')}`);

const main = async (): Promise<void> => {
  const options = parseArguments(process.argv.slice(2));
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-'));
  const broker = await startLocalBroker({ dataDir, log: () => undefined });
  const runs: { bare: BareRun; pair: PairRun; ratios: ReturnType<typeof ratios> }[] = [];
  try {
    for (let run = 1; run <= options.runs; run += 1) {
      const bare = await benchBare(options);
      const pair = await benchPair(broker, run, options);
      runs.push({ bare, pair, ratios: ratios(bare, pair) });
      console.log(`\nrun ${run}`);
      print('bare Express', { 'requests/s': bare.saturation.requests / bare.saturation.seconds, 'CPU us/request': bare.cpuUsPerRequest, 'p50 us': bare.saturation.p50, 'p99 us': bare.saturation.p99 });
      print('pair, saturated', { 'accepted/s': pair.saturation.requests / pair.saturation.seconds, 'finished/s': pair.finishedPerSecond, 'p50 us': pair.saturation.p50, 'p99 us': pair.saturation.p99, 'max us': pair.saturation.max });
      print('pair, CPU us/order', pair.cpuUsPerOrder);
      print('pair, peak RSS MiB', pair.peakRssMiB);
      print('order -> outcome, busy, ms', pair.saturationOutcomeMs);
      print('at 200/s, POST us', { 'bare p50': bare.rate200.p50, 'bare p99': bare.rate200.p99, 'pair p50': pair.rate200.p50, 'pair p99': pair.rate200.p99 });
      print('at 200/s, outcome ms', pair.rate200.outcomeMs);
      print('ratios pair / bare', runs.at(-1)!.ratios);
    }
  } finally {
    await broker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  const names = Object.keys(runs[0]!.ratios) as (keyof ReturnType<typeof ratios>)[];
  const medians = Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run.ratios[name]))]));
  console.log();
  print(`median of ${runs.length}`, medians);
  await writeFile(options.json, `${JSON.stringify({ at: new Date().toISOString(), node: process.version, options, runs, medians }, null, 2)}\n`);
};

main().then(() => process.exit(0), (error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
