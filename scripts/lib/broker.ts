import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { assertFree, freePort } from './ports';
import { startChild, waitFor, type Child, type Log } from './process';
import { settingLines, splitAtEquals } from './settings';
import { createTopics } from './topics';

export type LocalBroker = Awaited<ReturnType<typeof startLocalBroker>>;

const kafkaDir = resolve(__dirname, '../../kafka');
const kafkaSh = resolve(kafkaDir, 'kafka.sh');

/** The cp-kafka image's rule: KAFKA_X_Y is the property x.y, two underscores stand for `_`, three for `-`. */
export const toProperty = (name: string): string => name
  .replace(/^KAFKA_/, '')
  .toLowerCase()
  .replace(/___|__|_/g, (run) => ({ ___: '-', __: '_', _: '.' })[run] ?? run);

const brokerSettings = (): Record<string, string> => Object.fromEntries(
  settingLines(readFileSync(resolve(kafkaDir, 'broker.env'), 'utf8')).map((line) => splitAtEquals(line)),
);

const runTool = async (...args: string[]): Promise<void> => {
  try {
    await promisify(execFile)('bash', [kafkaSh, ...args]);
  } catch (error) {
    // Its stderr is one sentence that says what to do, below Maven's own words if Maven failed.
    throw new Error((error as { stderr?: string }).stderr?.trim() || String(error), { cause: error });
  }
};

/**
 * Runs a real single-node Apache Kafka as a child process, on the settings and topics that Compose uses. Needs Java 17+, and
 * Maven the first time; without them, or with a port taken, rejects with a sentence that says what to do.
 * What was written is kept in `dataDir` over `stop`, `kill` and `start`. Resolves once clients can work.
 */
export const startLocalBroker = async ({ dataDir, port, advertisedPort, log }: {
  dataDir: string;
  port?: number;
  /** What clients are sent to, where something stands between them and the broker. */
  advertisedPort?: number;
  log: Log;
}) => {
  const hostPort = port ?? await freePort();
  const controllerPort = await freePort();
  const brokers = `127.0.0.1:${hostPort}`;
  const propertiesFile = resolve(dataDir, 'server.properties');
  const logDir = resolve(dataDir, 'data');
  const { CLUSTER_ID: clusterId = '', KAFKA_HEAP_OPTS: heap = '', ...settings } = brokerSettings();
  let child: Child | undefined;

  const start = async (): Promise<void> => {
    if (child?.running()) return;
    await assertFree(hostPort);
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
      await waitFor(`the broker at ${brokers}`, async () => {
        if (!started.running()) throw new Error(`The broker stopped while starting:\n${lines.join('\n')}`);
        return createTopics(brokers);
      }, { timeoutMs: 60_000, intervalMs: 50 });
    } catch (error) {
      await started.stop(1_000);
      throw error;
    }
  };

  await assertFree(hostPort);
  if (!existsSync(resolve(kafkaDir, '.cache'))) log("fetching Kafka's jars with Maven, once");
  await runTool('fetch');
  await mkdir(dataDir, { recursive: true });
  const properties = {
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [toProperty(name), value])),
    'listeners': `PLAINTEXT://${brokers},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort ?? hostPort}`,
    'controller.quorum.voters': `${settings.KAFKA_NODE_ID}@127.0.0.1:${controllerPort}`,
    'log.dirs': logDir,
  };
  await writeFile(propertiesFile, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''));
  if (!existsSync(resolve(logDir, 'meta.properties'))) await runTool('storage', 'format', '-t', clusterId, '-c', propertiesFile);
  await start();

  return {
    brokers,
    pid: () => child?.pid,
    /** Resolves when the present process ends, whoever ended it. */
    exited: () => child?.exited,
    /** Starts it again after `stop` or `kill`; resolves once clients can work. */
    start,
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
