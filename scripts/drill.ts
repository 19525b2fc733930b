import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { clusterDrills } from './drill/cluster-drills';
import { playClusterDrills, type ClusterResult } from './drill/cluster-stage';
import { drills as pairDrills, type Drill } from './drill/drills';
import { postgresDrills } from './drill/postgres-drills';
import { playPostgresDrills } from './drill/postgres-stage';
import { providerDrills } from './drill/provider-drills';
import { startProxy } from './drill/proxy';
import { createRandom } from './drill/random';
import { registryDrills } from './drill/registry-drills';
import { printClusterTable, printTable, printViolations } from './drill/report';
import { runDrill, type Result } from './drill/run';
import { secureClusterDrills, secureDrills, secured } from './drill/secure-drills';
import { placeOf } from './drill/stage';
import type { LocalBroker } from './lib/broker';
import { kafkaVersion } from './lib/kafka-node';
import { freePort } from './lib/ports';
import { startScratchRegistry, type LocalRegistry } from './lib/registry';
import { runScript } from './lib/run-script';
import { withLocalBroker, type Kind } from './lib/scratch-broker';

const usage = 'usage: npm run drill -- [--cluster | --registry] [--secure] | [--postgres] [--list] [--quick] [--seed N] [--json FILE] [name …]';

const readArguments = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        cluster: { type: 'boolean', default: false },
        postgres: { type: 'boolean', default: false },
        registry: { type: 'boolean', default: false },
        secure: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        json: { type: 'string', default: 'drill-report.json' },
      },
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${usage}`, { cause: error });
  }
};

const parseArguments = () => {
  const { values, positionals: names } = readArguments();
  const stages = [values.cluster, values.postgres, values.registry].filter(Boolean).length;
  if (stages > 1 || (values.postgres && values.secure)) throw new Error(`One stage at a time.\n${usage}`);
  const isKafka4 = Number.parseInt(kafkaVersion(), 10) >= 4;
  const drills = [
    ...pairDrills, ...providerDrills, ...(values.secure ? secureDrills : []), ...(values.registry ? registryDrills(values.quick) : []),
  ].filter(({ beforeKafka4 = false }) => !(beforeKafka4 && isKafka4));
  const onCluster = [...clusterDrills, ...(values.secure ? secureClusterDrills : [])];
  const [stage, known]: [string, { name: string }[]] = values.cluster
    ? ['three brokers', onCluster]
    : values.postgres ? ['PostgreSQL', postgresDrills] : ['one broker', drills];
  const unknown = names.find((wanted) => !known.some(({ name }) => name === wanted));
  if (unknown !== undefined) throw new Error(`${unknown} is no drill on ${stage}${values.secure ? ', secured' : ''}, with Kafka ${kafkaVersion()}.\n${usage}`);
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new Error(`--seed must be a whole number.\n${usage}`);
  const isChosen = (name: string, quick: boolean): boolean => (names.length > 0 ? names.includes(name) : !values.quick || quick);
  return { ...values, drills, onCluster, kind: values.secure ? secured : {}, seed, isChosen };
};

type Options = ReturnType<typeof parseArguments>;

/** What a drill has beside its broker. */
type Beside = { registry?: LocalRegistry | undefined };

/** A broker whose advertised address is the proxy's, so that clients keep going through it. */
const runProxied = async (drill: Drill, seed: number, kind: Kind, beside: Beside): Promise<Result> => {
  const [port, advertisedPort] = [await freePort(), await freePort()];
  const proxy = await startProxy({ listenPort: advertisedPort, targetPort: port });
  try {
    return await withLocalBroker((broker) => runOn(broker, drill, seed, { ...beside, brokers: `127.0.0.1:${advertisedPort}`, proxy }),
      { port, advertisedPort, ...kind });
  } finally {
    proxy.close();
  }
};

const runOn = (broker: LocalBroker, drill: Drill, seed: number, behind: object): Promise<Result> =>
  runDrill(drill, { ...placeOf(broker), random: createRandom(seed), ...behind }, (stage) => drill.faults({ ...stage, broker }));

const playOnOneBroker = async ({ drills, kind, seed, isChosen, registry: wanted }: Options): Promise<Result[]> => {
  const results: Result[] = [];
  const scratch = wanted ? await startScratchRegistry() : undefined;
  const beside = { registry: scratch?.registry };
  await withLocalBroker(async (broker) => {
    for (const drill of drills.filter(({ name, quick = false }) => isChosen(name, quick))) {
      console.log(`${drill.name}: ${drill.what}`);
      // A drill that failed may have left it away.
      await scratch?.registry.start();
      const result = await (drill.proxied ? runProxied(drill, seed, kind, beside) : runOn(broker, drill, seed, beside));
      results.push(result);
      printViolations(result);
    }
  }, kind).finally(scratch?.remove);
  printTable(results);
  return results;
};

const playOnThreeBrokers = async ({ onCluster, kind, seed, isChosen, quick }: Options): Promise<Result[]> => {
  const results: ClusterResult[] = [];
  const chosen = onCluster
    .filter(({ name, quickSeconds }) => isChosen(name, quickSeconds !== undefined))
    .map((drill) => ({ ...drill, seconds: (quick ? drill.quickSeconds : undefined) ?? drill.seconds }));
  await playClusterDrills(chosen, seed, kind, (result) => {
    results.push(result);
    printViolations(result);
  });
  printClusterTable(results);
  return results;
};

const playOnPostgres = async ({ seed, isChosen }: Options): Promise<Result[]> => {
  const results: Result[] = [];
  await playPostgresDrills(postgresDrills.filter(({ name, quick = false }) => isChosen(name, quick)), seed, (result) => {
    results.push(result);
    printViolations(result);
  });
  printTable(results);
  return results;
};

const list = ({ cluster, postgres, drills, onCluster }: Options): void => {
  const rows = cluster
    ? onCluster.map(({ name, what, quickSeconds }) => ({ name, what, quick: quickSeconds !== undefined }))
    : postgres ? postgresDrills : drills;
  for (const { name, what, quick } of rows) console.log(`${name.padEnd(22)} ${quick ? '[quick] ' : ''}${what}`);
};

const main = async (): Promise<number> => {
  const options = parseArguments();
  if (options.list) {
    list(options);
    return 0;
  }
  const results = await (options.cluster ? playOnThreeBrokers : options.postgres ? playOnPostgres : playOnOneBroker)(options);
  await writeFile(options.json, `${JSON.stringify({ seed: options.seed, at: new Date().toISOString(), results }, null, 2)}\n`);
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
};

runScript(main);
