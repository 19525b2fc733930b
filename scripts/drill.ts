import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drills as pairDrills, type Drill } from './drill/drills';
import { checkInvariants } from './drill/invariants';
import { providerDrills } from './drill/provider-drills';
import { startProxy, type Proxy } from './drill/proxy';
import { createRandom } from './drill/random';
import { createStage } from './drill/stage';
import type { LocalBroker } from './lib/broker';
import { freePort } from './lib/ports';
import { runScript } from './lib/run-script';
import { withLocalBroker } from './lib/scratch-broker';

type Result = {
  drill: string;
  what: string;
  orders: number;
  faults: number;
  /** Outcomes published more than once, under the same paymentId: allowed. */
  duplicates: number;
  /** Posts that were answered 503 or not at all, and sent again. */
  refused: number;
  longestOutageMs: number;
  settleSeconds: number;
  violations: string[];
};

const drills = [...pairDrills, ...providerDrills];

const usage = 'usage: npm run drill -- [--list] [--quick] [--seed N] [--json FILE] [name …]';

const parseArguments = (args: string[]) => {
  const options = { list: false, quick: false, seed: 1, json: 'drill-report.json', names: [] as string[] };
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i]!;
    if (arg === '--list') options.list = true;
    else if (arg === '--quick') options.quick = true;
    else if (arg === '--seed') options.seed = Number(args[i += 1]);
    else if (arg === '--json') options.json = args[i += 1] ?? options.json;
    else if (drills.some(({ name }) => name === arg)) options.names.push(arg);
    else throw new Error(`${arg} is no drill and no option.\n${usage}`);
  }
  return options;
};

const runDrill = async (
  drill: Drill, broker: LocalBroker, seed: number, behind?: { advertised: string; proxy: Proxy },
): Promise<Result> => {
  const beside = await drill.beside?.();
  const stage = await createStage({
    name: drill.name, brokers: broker.brokers, random: createRandom(seed), perSecond: drill.perSecond,
    env: { ...drill.env, ...beside?.env }, ...behind,
  });
  const result: Result = {
    drill: drill.name, what: drill.what, orders: 0, faults: 0,
    duplicates: 0, refused: 0, longestOutageMs: 0, settleSeconds: 0, violations: [],
  };
  try {
    await stage.untilReady();
    const loading = drill.load?.(stage) ?? stage.load.run({ seconds: drill.seconds });
    const [, faults] = await Promise.all([loading, drill.faults({ ...stage, broker })]);
    result.faults = faults;
    result.settleSeconds = await stage.settle();
    for (const service of [stage.a, ...stage.members]) {
      if (!service.running()) result.violations.push(`${service.name} is not running at the end`);
      for (const { code } of service.crashes()) result.violations.push(`${service.name} ended by itself with exit code ${code}`);
    }
    const { violations, duplicates } = await checkInvariants({
      ...stage, fatesVary: beside !== undefined, redriveMax: Number(drill.env?.REDRIVE_MAX ?? 3),
    });
    result.violations.push(...violations, ...await beside?.check(stage) ?? []);
    result.duplicates = duplicates;
  } catch (error) {
    result.violations.push(...stage.load.violations, error instanceof Error ? error.message : String(error));
  } finally {
    const { load } = stage;
    Object.assign(result, { orders: load.posted(), refused: load.refused(), longestOutageMs: load.longestOutageMs() });
    if (result.violations.length > 0) {
      for (const service of [stage.a, ...stage.members]) {
        const file = join(tmpdir(), `drill-${drill.name}-${service.name}.log`);
        await writeFile(file, service.lines.join('\n'));
        console.log(`  log of ${service.name}: ${file}`);
      }
    }
    await stage.close();
    await beside?.close();
  }
  return result;
};

/** A broker whose advertised address is the proxy's, so that clients keep going through it. */
const runProxied = async (drill: Drill, seed: number): Promise<Result> => {
  const [port, advertisedPort] = [await freePort(), await freePort()];
  const proxy = await startProxy({ listenPort: advertisedPort, targetPort: port });
  try {
    const behind = { advertised: `127.0.0.1:${advertisedPort}`, proxy };
    return await withLocalBroker((broker) => runDrill(drill, broker, seed, behind), { port, advertisedPort });
  } finally {
    proxy.close();
  }
};

const row = (cells: (string | number)[], widths: number[]): string =>
  cells.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join('  ').trimEnd();

const printTable = (results: Result[]): void => {
  const head = ['drill', 'orders', 'faults', 'duplicates', 'refused', 'longest outage', 'settled in', 'result'];
  const rows = results.map(({ drill, orders, faults, duplicates, refused, longestOutageMs, settleSeconds, violations }) => [
    drill, orders, faults, duplicates, refused, `${(longestOutageMs / 1_000).toFixed(1)} s`, `${settleSeconds.toFixed(1)} s`,
    violations.length === 0 ? 'ok' : 'FAILED',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((cells) => String(cells[i]).length)));
  for (const cells of [head, ...rows]) console.log(row(cells, widths));
};

const main = async (): Promise<number> => {
  const options = parseArguments(process.argv.slice(2));
  if (options.list) {
    for (const { name, what, quick } of drills) console.log(`${name.padEnd(20)} ${quick ? '[quick] ' : ''}${what}`);
    return 0;
  }
  const chosen = drills.filter(({ name, quick }) => (options.names.length > 0 ? options.names.includes(name) : !options.quick || quick));
  const results: Result[] = [];
  await withLocalBroker(async (broker) => {
    for (const drill of chosen) {
      console.log(`${drill.name}: ${drill.what}`);
      const result = drill.proxied ? await runProxied(drill, options.seed) : await runDrill(drill, broker, options.seed);
      results.push(result);
      for (const violation of result.violations) console.log(`  broken: ${violation}`);
    }
  });
  console.log();
  printTable(results);
  await writeFile(options.json, `${JSON.stringify({ seed: options.seed, at: new Date().toISOString(), results }, null, 2)}\n`);
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
};

runScript(main);
