import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchDatabase } from './bench/database';
import { benchBurst, benchHeld, benchMembers, benchProvider } from './bench/growth';
import { median } from './bench/measure';
import { benchBare, benchPair, benchWithoutOutages, budgetsOf, ratiosOf, type BareRun, type Brokers, type PairRun, type Variant } from './bench/pair';
import type { LocalBroker } from './lib/broker';
import { startScratchRegistry } from './lib/registry';
import { runScript } from './lib/run-script';
import { withLocalBroker, withLocalCluster } from './lib/scratch-broker';

const PARTS = ['pair', 'held', 'members', 'burst', 'cluster', 'provider', 'postgres', 'secure', 'registry'] as const;
const HELD = [1_000, 10_000, 100_000];
const usage = `usage: npm run bench -- [--part ${PARTS.join('|')}]… [--warmup SECONDS] [--seconds SECONDS] [--runs N] [--json FILE] [--profile]`;

const readArguments = () => {
  try {
    return parseArgs({
      options: {
        part: { type: 'string', multiple: true, default: [...PARTS] },
        warmup: { type: 'string', default: '60' },
        seconds: { type: 'string', default: '20' },
        runs: { type: 'string', default: '3' },
        json: { type: 'string', default: 'bench-report.json' },
        profile: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${usage}`, { cause: error });
  }
};

const parseArguments = () => {
  const values = readArguments();
  const positive = (name: 'warmup' | 'seconds' | 'runs'): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1 on`);
    return value;
  };
  const unknown = values.part.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`--part ${unknown} is none of ${PARTS.join(', ')}`);
  return { ...values, parts: new Set(values.part), warmup: positive('warmup'), seconds: positive('seconds'), runs: positive('runs') };
};

type Options = ReturnType<typeof parseArguments>;

const print = (label: string, values: Record<string, number>): void =>
  console.log(`${label.padEnd(28)} ${Object.entries(values).map(([name, value]) => `${name} ${value.toFixed(value < 10 ? 2 : 0)}`).join('   ')}`);

const printPair = (what: string, pair: PairRun): void => {
  print(`${what}, saturated`, { 'accepted/s': pair.saturation.requests / pair.saturation.seconds, 'finished/s': pair.finishedPerSecond, 'p50 us': pair.saturation.p50, 'p99 us': pair.saturation.p99, 'max us': pair.saturation.max });
  print(`${what}, CPU us/order`, pair.cpuUsPerOrder);
  print(`${what}, peak RSS MiB`, pair.peakRssMiB);
  print('order -> outcome, busy, ms', pair.saturationOutcomeMs);
};

/** With what a steady rate gave. */
const printWhole = (what: string, pair: PairRun): void => {
  printPair(what, pair);
  print('at 200/s, POST us', { p50: pair.rate200.p50, p99: pair.rate200.p99 });
  print('at 200/s, outcome ms', pair.rate200.outcomeMs);
};

const runPair = async (broker: LocalBroker, { runs: wanted, ...options }: Options) => {
  const runs: { bare: BareRun; pair: PairRun; ratios: ReturnType<typeof ratiosOf> }[] = [];
  for (let run = 1; run <= wanted; run += 1) {
    const bare = await benchBare(options);
    const pair = await benchPair(broker, options);
    const ratios = ratiosOf(bare, pair);
    runs.push({ bare, pair, ratios });
    console.log(`\nrun ${run}`);
    print('bare Express', { 'requests/s': bare.saturation.requests / bare.saturation.seconds, 'CPU us/request': bare.cpuUsPerRequest, 'p50 us': bare.saturation.p50, 'p99 us': bare.saturation.p99, 'max us': bare.saturation.max });
    printPair('pair', pair);
    print('at 200/s, POST us', { 'bare p50': bare.rate200.p50, 'bare p99': bare.rate200.p99, 'pair p50': pair.rate200.p50, 'pair p99': pair.rate200.p99 });
    print('at 200/s, outcome ms', pair.rate200.outcomeMs);
    print('ratios pair / bare', ratios);
    if (options.profile) for (const [service, budget] of Object.entries(budgetsOf(pair))) {
      console.log(`CPU us/order of service-${service}`);
      for (const [area, us] of budget) console.log(`  ${us.toFixed(1).padStart(6)} ${area}`);
    }
  }
  const names = Object.keys(runs[0]!.ratios) as (keyof ReturnType<typeof ratiosOf>)[];
  const medians = Object.fromEntries(names.map((name) => [name, median(runs.map(({ ratios }) => ratios[name]))]));
  console.log();
  print(`median of ${runs.length}`, medians);
  const withoutOutages = await benchWithoutOutages(broker);
  print('no outages, 200/s, outcome ms', withoutOutages);
  return { runs, medians, withoutOutages };
};

const runHeld = async (broker: LocalBroker, { seconds }: Options) => {
  const results = [];
  // The first one again at the end: what the machine does meanwhile shows in the difference.
  for (const held of [...HELD, HELD[0]!]) {
    const result = await benchHeld(broker, { held, warmup: 10, seconds });
    results.push(result);
    const { held: _held, ...figures } = result;
    print(`${held} orders held`, figures);
  }
  return results;
};

const runMembers = async (broker: LocalBroker) => {
  const kinds = {
    'gateway at once': { orders: 100_000, env: {} },
    'gateway takes 20 ms, 16 at a time': { orders: 10_000, env: { PAYMENT_LATENCY_MS: '20', PAYMENT_CONCURRENCY: '16' } },
  };
  const results = [];
  for (const [gateway, { orders, env }] of Object.entries(kinds)) {
    for (const members of [1, 2, 3]) {
      const result = { gateway, ...await benchMembers(broker, { members, orders, env }) };
      results.push(result);
      print(`${members} members, ${gateway}`, { 'orders/s': result.ordersPerSecond, 'CPU us/order': result.cpuUsPerOrder });
    }
  }
  return results;
};

const runBurst = async (broker: LocalBroker) => {
  const rounds = await benchBurst(broker);
  for (const { rssMiB: { before, peak, rested }, ...answers } of rounds) {
    print('burst over 512 connections', answers);
    print('  RSS MiB', { 'A before': before.a, 'A peak': peak.a, 'A rested': rested.a, 'B before': before.b, 'B peak': peak.b, 'B rested': rested.b });
  }
  return rounds;
};

/** The pair of one kind, then that of the other, in turns, so that what the machine does meanwhile meets both. */
const runInTurns = async <K extends string>(kinds: Record<K, Brokers & { variant?: Variant }>, { runs: wanted, ...options }: Options) => {
  const names = Object.keys(kinds) as K[];
  const runs: Record<K, PairRun>[] = [];
  for (let run = 1; run <= wanted; run += 1) {
    console.log(`\nrun ${run}`);
    const pairs: [K, PairRun][] = [];
    for (const name of names) {
      const pair = await benchPair(kinds[name], options, kinds[name].variant);
      pairs.push([name, pair]);
      printWhole(name, pair);
    }
    runs.push(Object.fromEntries(pairs) as Record<K, PairRun>);
  }
  return runs;
};

const runCluster = (one: LocalBroker, options: Options) =>
  withLocalCluster((three) => runInTurns({ 'one broker': one, 'three brokers': three }, options));

/** What TLS, SCRAM and the rights cost; how many orders it finishes is held against the aim of docs/performance.md. */
const runSecure = (plain: LocalBroker, options: Options) => withLocalBroker(async (secure) => {
  const runs = await runInTurns({ plain, secure }, options);
  const finished = median(runs.map((run) => run.secure.finishedPerSecond / run.plain.finishedPerSecond));
  print('\nmedian secure / plain', { finished });
  return { runs, finished };
}, { secure: true });

/** What Avro and a registry cost beside JSON; how many orders it finishes is held against the aim of docs/performance.md. */
const runRegistry = async (broker: LocalBroker, options: Options) => {
  const { registry, remove } = await startScratchRegistry();
  try {
    const runs = await runInTurns({ json: broker, avro: { ...broker, variant: { registry } } }, options);
    for (const { json, avro } of runs) {
      print('\nbytes of an order\'s value', { json: json.bytes.orders, avro: avro.bytes.orders });
      print('bytes of a payment\'s value', { json: json.bytes.payments, avro: avro.bytes.payments });
    }
    const finished = median(runs.map(({ json, avro }) => avro.finishedPerSecond / json.finishedPerSecond));
    print('median avro / json', { finished });
    return { runs, finished };
  } finally {
    await remove();
  }
};

/** Each beside bare Express in the same run. */
const runPostgres = async (broker: LocalBroker, options: Options) => {
  const bare = await benchBare(options);
  print('bare Express', { 'requests/s': bare.saturation.requests / bare.saturation.seconds, 'CPU us/request': bare.cpuUsPerRequest });
  const runs = await benchDatabase(broker, options, (what, pair, more) => {
    console.log();
    printWhole(what, pair);
    print('ratios to bare Express', ratiosOf(bare, pair));
    if (Object.keys(more).length > 0) print('tables', more);
  });
  return { bare, runs };
};

const runProvider = async (broker: LocalBroker) => {
  const result = await benchProvider(broker, { orders: 20_000 });
  const { simulated, charged, providerCpuUsPerOrder } = result;
  print('simulated gateway', { 'orders/s': simulated.ordersPerSecond, 'CPU us/order': simulated.cpuUsPerOrder });
  print('provider', { 'orders/s': charged.ordersPerSecond, 'CPU us/order': charged.cpuUsPerOrder, 'of the provider': providerCpuUsPerOrder });
  return result;
};

const main = async (): Promise<void> => {
  const options = parseArguments();
  const report: Record<string, unknown> = { at: new Date().toISOString(), node: process.version, generator: 'wrk' };
  await withLocalBroker(async (broker) => {
    if (options.parts.has('pair')) report['pair'] = await runPair(broker, options);
    if (options.parts.has('held')) report['held'] = await runHeld(broker, options);
    if (options.parts.has('members')) report['members'] = await runMembers(broker);
    if (options.parts.has('burst')) report['burst'] = await runBurst(broker);
    if (options.parts.has('cluster')) report['cluster'] = await runCluster(broker, options);
    if (options.parts.has('postgres')) report['postgres'] = await runPostgres(broker, options);
    if (options.parts.has('secure')) report['secure'] = await runSecure(broker, options);
    if (options.parts.has('registry')) report['registry'] = await runRegistry(broker, options);
    if (options.parts.has('provider')) report['provider'] = await runProvider(broker);
  });
  await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
};

runScript(main);
