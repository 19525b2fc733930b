import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { assertFree, freePort } from './ports';
import { startChild, waitFor, type Child, type Log } from './process';
import type { Reach } from './reach';
import type { Security } from './security';
import { settingLines, splitAtEquals } from './settings';

export type KafkaNode = Awaited<ReturnType<typeof createNode>>;

const kafkaDir = resolve(__dirname, '../../kafka');
const kafkaSh = resolve(kafkaDir, 'kafka.sh');

/** The cp-kafka image's rule: KAFKA_X_Y is the property x.y, two underscores stand for `_`, three for `-`. */
export const toProperty = (name: string): string => name
  .replace(/^KAFKA_/, '')
  .toLowerCase()
  .replace(/___|__|_/g, (run) => ({ ___: '-', __: '_', _: '.' })[run] ?? run);

/** Settings of files in `kafka/`; the later file counts, as with Compose's `env_file`. */
export const readSettings = (...files: string[]): Record<string, string> => Object.fromEntries(
  files.flatMap((file) => settingLines(readFileSync(resolve(kafkaDir, file), 'utf8')).map((line) => splitAtEquals(line))),
);

const runTool = async (...args: string[]): Promise<void> => {
  try {
    await promisify(execFile)('bash', [kafkaSh, ...args]);
  } catch (error) {
    // Its stderr is one sentence that says what to do, below Maven's own words if Maven failed.
    throw new Error((error as { stderr?: string }).stderr?.trim() || String(error), { cause: error });
  }
};

/** The version that runs without Docker: of the environment, else of `pom.xml`. */
export const kafkaVersion = (): string => process.env['KAFKA_VERSION']
  || /<kafka\.version>(.+)<\/kafka\.version>/.exec(readFileSync(resolve(kafkaDir, 'pom.xml'), 'utf8'))![1]!;

/** Puts Kafka's jars in place; rejects with a sentence that says what to install. */
export const fetchKafka = async (log: Log): Promise<void> => {
  if (!existsSync(resolve(kafkaDir, '.cache'))) log(`fetching the jars of Kafka ${kafkaVersion()} with Maven, once`);
  await runTool('fetch');
};

/**
 * One broker and controller, as a child process on the settings that Compose uses. What was written is kept in `dataDir` over `stop`,
 * `kill` and `start`. It is not running yet.
 * Where it is secured, BROKER is a listener beside the clients' one: for other brokers and these scripts.
 */
export const createNode = async ({ id, dataDir, settings, port, route, controllerPort, voters, security, isUp, log }: {
  id: number;
  dataDir: string;
  settings: Record<string, string>;
  port: number;
  /** The port that clients and other brokers are sent to instead of one of its own, where something stands in between. */
  route: (port: number) => Promise<number>;
  controllerPort: number;
  /** All controllers as this one finds them. */
  voters: string;
  security?: Security | undefined;
  /** Whether clients can work with the broker that is reached so. */
  isUp: (reach: Reach) => Promise<boolean>;
  log: Log;
}) => {
  await assertFree(port);
  const address = `127.0.0.1:${port}`;
  const propertiesFile = resolve(dataDir, 'server.properties');
  const logDir = resolve(dataDir, 'data');
  const { CLUSTER_ID: clusterId = '', KAFKA_HEAP_OPTS: heap = '', BROKER_NODES: names = '', ...kafkaSettings } = settings;
  const listeners = [{ name: 'CLIENT', port }];
  let reach: Reach = { brokers: address };
  let files = {};
  if (security !== undefined) {
    const brokerPort = await freePort();
    const pem = security.pemOf(names.split(',')[id - 1]!);
    listeners.push({ name: 'BROKER', port: brokerPort });
    reach = { brokers: `127.0.0.1:${brokerPort}`, tls: { ca: security.ca, pem } };
    files = { 'ssl.keystore.location': pem, 'ssl.truststore.location': security.ca };
  }
  const addresses = listeners.map((listener) => `${listener.name}://127.0.0.1:${listener.port}`);
  const advertised: string[] = [];
  for (const listener of listeners) advertised.push(`${listener.name}://127.0.0.1:${await route(listener.port)}`);
  const properties = {
    ...Object.fromEntries(Object.entries(kafkaSettings).map(([name, value]) => [toProperty(name), value])),
    'node.id': id,
    'listeners': [...addresses, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': advertised.join(','),
    'controller.quorum.voters': voters,
    'log.dirs': logDir,
    ...files,
  };
  await mkdir(dataDir, { recursive: true });
  await writeFile(propertiesFile, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''));
  if (!existsSync(resolve(logDir, 'meta.properties'))) await runTool('storage', 'format', '-t', clusterId, '-c', propertiesFile);
  let child: Child | undefined;

  return {
    id,
    address,
    /** How these scripts reach it. */
    reach,
    logDir,
    pid: () => child?.pid,
    /** Resolves when the present process ends, whoever ended it. */
    exited: () => child?.exited,
    /** Starts it, also again after `stop` or `kill`; resolves once clients can work. */
    start: async (): Promise<void> => {
      if (child?.running()) return;
      await assertFree(port);
      const lines: string[] = [];
      const started = startChild({
        command: 'bash',
        args: [kafkaSh, 'server-start', propertiesFile],
        env: { ...process.env, KAFKA_HEAP_OPTS: heap },
        log: (line) => {
          if (lines.length < 50) lines.push(line);
          log(line);
        },
      });
      child = started;
      try {
        await waitFor(`the broker at ${address}`, async () => {
          if (!started.running()) throw new Error(`The broker stopped while starting:\n${lines.join('\n')}`);
          return isUp(reach);
        }, { timeoutMs: 60_000, intervalMs: 50 });
      } catch (error) {
        await started.stop(1_000);
        throw error;
      }
    },
    /** Clean shutdown: SIGTERM, and SIGKILL should it take longer than 20 s. */
    stop: async (): Promise<void> => {
      await child?.stop(20_000);
    },
    /** The crash: SIGKILL, resolves once the process is gone. */
    kill: async (): Promise<void> => {
      child?.signal('SIGKILL');
      await child?.exited;
    },
    /** The freeze: connections stay open and nothing is answered until `resume`. */
    pause: (): void => child?.signal('SIGSTOP'),
    resume: (): void => child?.signal('SIGCONT'),
  };
};
