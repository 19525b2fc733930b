import { execFile } from 'node:child_process';
import { watch } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { CLUSTER_SIZE } from './lib/cluster';
import { keepBrokers, keepPostgres, keepRegistry, type Kept } from './lib/keep';
import { assertFree } from './lib/ports';
import { serviceNodeArgs, startChild, waitFor, type Child, type Log } from './lib/process';
import { hints } from './lib/start-hints';

const root = resolve(__dirname, '..');
const usage = `usage: npm start -- [--brokers 1|${CLUSTER_SIZE}] [--postgres] [--registry] [--secure] (npm run dev takes the same)`;

const parseArguments = () => {
  try {
    const { values } = parseArgs({ options: {
      dev: { type: 'boolean', default: false }, brokers: { type: 'string', default: '1' }, postgres: { type: 'boolean', default: false },
      registry: { type: 'boolean', default: false }, secure: { type: 'boolean', default: false },
    } });
    const count = Number(values.brokers);
    if (count !== 1 && count !== CLUSTER_SIZE) throw new Error(`--brokers is 1 or ${CLUSTER_SIZE}, not ${values.brokers}`);
    return { ...values, count };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}\n`);
    process.exit(2);
  }
};

const { dev, count, secure, ...wanted } = parseArguments();
/** On the ports that Compose gives them. */
const ports = Array.from({ length: count }, (_, i) => 29_092 + i);
const brokers = ports.map((port) => `127.0.0.1:${port}`).join(',');
const dataDir = count === 1 ? '.local/kafka' : '.local/kafka-cluster';
/** One for each log: what a database holds was read from it. */
const databaseDir = count === 1 ? '.local/postgres' : '.local/postgres-cluster';
/** Not 5432, where an installed one may be. */
const DATABASE_PORT = 25_432;
const REGISTRY_PORT = 8081;
/** One for each log too: the ids in its records are those of a registry. */
const registryDir = count === 1 ? '.local/registry' : '.local/registry-cluster';
const startsPostgres = wanted.postgres && !process.env['DATABASE_URL'];
const startsRegistry = wanted.registry && !process.env['SCHEMA_REGISTRY_URL'];
/** Beside the data, not in it: records are deleted to begin anew, passwords that others were given are not. */
const secretsDir = '.local/kafka-secrets';
const services = [{ name: 'service-a', port: 3001 }, { name: 'service-b', port: 3002 }] as const;

const prefixed = (name: string): Log => (line) => process.stdout.write(`${name.padEnd(9)} | ${line}\n`);

const isReady = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2_000) }).then(({ ok }) => ok, () => false);

/** Keeps a service running: starts it again when it dies, with `--dev` when its source changes. */
const keepRunning = ({ name, port, more }: { name: string; port: number; more: Record<string, string> }) => {
  const log = prefixed(name);
  const cwd = resolve(root, name);
  const program = dev ? ['--require', 'ts-node/register/transpile-only', 'src/index.ts'] : ['dist/index.js'];
  let child: Child;
  let replaced: Child | undefined;
  let stopping = false;
  let wasReady = false;

  const start = (): void => {
    const started = startChild({
      command: process.execPath,
      args: [...serviceNodeArgs, ...program],
      cwd,
      env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), KAFKA_BROKERS: brokers, ...more },
      log,
    });
    child = started;
    void started.exited.then(async ({ code, signal }) => {
      if (stopping || replaced === started) return;
      const ended = `ended unexpectedly (${signal ?? `exit code ${code}`})`;
      if (dev || !wasReady) {
        log(dev ? `${ended}: it starts again when its source changes` : ended);
        return;
      }
      log(`${ended}: starting it again`);
      await sleep(1_000);
      if (!stopping) start();
    });
  };

  const restart = async (): Promise<void> => {
    log('source changed: starting it again');
    const old = child;
    replaced = old;
    await old.stop(12_000);
    if (!stopping && child === old) start();
  };
  const rebuildBoard = async (): Promise<void> => {
    try {
      await promisify(execFile)('npm', ['run', '--silent', 'build:board'], { cwd });
      await restart();
    } catch (error) {
      log(`the board cannot be built: ${(error as { stdout?: string }).stdout ?? String(error)}`);
    }
  };
  const whenChanged = (folder: string, act: () => Promise<void>): void => {
    let change: NodeJS.Timeout | undefined;
    watch(resolve(cwd, folder), { recursive: true }, () => {
      clearTimeout(change);
      // An editor saves in several steps.
      change = setTimeout(() => void act(), 200);
    });
  };
  if (dev) whenChanged('src', restart);
  if (dev && name === 'service-a') whenChanged('board', rebuildBoard);

  start();
  return {
    /** Resolves once it answers that it is ready; rejects when it ends before. */
    ready: async (): Promise<void> => {
      await waitFor(`${name} to be ready`, async () => {
        if (!dev && !stopping && !child.running()) throw new Error(`${name} ended while starting: its lines above say why.`);
        return stopping || isReady(port);
      }, { timeoutMs: 120_000 });
      wasReady = true;
    },
    stop: async (): Promise<void> => {
      stopping = true;
      await child.stop(12_000);
    },
  };
};

/** What the services are told beside where the broker is; undefined parts say nothing. */
type Told = { security: Awaited<ReturnType<typeof keepBrokers>>['security']; database?: string | undefined; registry?: string | undefined };

const settingsOf = ({ security, database, registry }: Told) => {
  const shared = registry === undefined ? {} : { SCHEMA_REGISTRY_URL: registry };
  return {
    'service-a': { ...shared, ...security?.credentials('service-a'), ...(database !== undefined && { DATABASE_URL: database }) },
    'service-b': { ...shared, ...security?.credentials('service-b'), ...security?.credentials('dlt', 'DLT'), OPERATOR_PAGE: process.env['OPERATOR_PAGE'] || 'on' },
  };
};

const logOf = (id: number): Log => prefixed(count === 1 ? 'kafka' : `kafka-${id}`);

const main = async (): Promise<void> => {
  let stopping = false;
  let kafka: ReturnType<typeof keepBrokers> | undefined;
  let postgres: Promise<Kept & { url: string }> | undefined;
  let registry: ReturnType<typeof keepRegistry> | undefined;
  const running: ReturnType<typeof keepRunning>[] = [];

  // Services first: they still have records to commit.
  const stop = async (exitCode: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await Promise.all(running.map((service) => service.stop()));
    await Promise.all([kafka, postgres, registry].map(async (kept) => (await kept?.catch(() => undefined))?.stop()));
    process.exit(exitCode);
  };
  let asked = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // npm passes a Ctrl+C on that the terminal has sent here already, so only a later one means "at once".
      if (asked > 0 && Date.now() - asked > 1_000) process.exit(1);
      if (asked > 0) return;
      asked = Date.now();
      process.stdout.write('\nStopping ...\n');
      void stop(0);
    });
  }

  try {
    if (process.env['KAFKA_GROUP_ID']) throw new Error('KAFKA_GROUP_ID would be the group of both services: set it in the .env of one\'s directory.');
    for (const { port } of services) await assertFree(port);
    kafka = keepBrokers({ ports, dataDir: resolve(root, dataDir), secrets: secure ? resolve(root, secretsDir) : undefined, logOf });
    if (startsPostgres) {
      postgres = keepPostgres({ port: DATABASE_PORT, dataDir: resolve(root, databaseDir), database: 'orders', log: prefixed('postgres') });
    }
    if (startsRegistry) registry = keepRegistry({ port: REGISTRY_PORT, dataDir: resolve(root, registryDir), log: prefixed('registry') });
    const [{ security, reach }, database, schemas] = await Promise.all([kafka, postgres, registry]);
    if (stopping) return;
    const more = settingsOf({ security, database: database?.url, registry: schemas?.url });
    running.push(...services.map((service) => keepRunning({ ...service, more: more[service.name] })));
    await Promise.all(running.map((service) => service.ready()));
    if (!stopping) {
      process.stdout.write(hints({
        folders: [dataDir, ...(startsPostgres ? [databaseDir] : []), ...(startsRegistry ? [registryDir] : [])], secretsDir,
        postgresUrl: database?.url, registryUrl: schemas?.url, secured: security && { security, reach },
      }));
    }
  } catch (error) {
    if (!stopping) process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    await stop(1);
  }
};

void main();
