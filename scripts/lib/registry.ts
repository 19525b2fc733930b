import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { assertFree, freePort } from './ports';
import { startChild, waitFor, type Child, type Log } from './process';

export type LocalRegistry = Awaited<ReturnType<typeof startLocalRegistry>>;

const kafkaDir = resolve(__dirname, '../../kafka');

const runScript = async (name: string, args: string[], env: Record<string, string> = {}): Promise<void> => {
  try {
    await promisify(execFile)('bash', [resolve(kafkaDir, name), ...args], { env: { ...process.env, ...env } });
  } catch (error) {
    // Its stderr is one sentence that says what to do.
    throw new Error((error as { stderr?: string }).stderr?.trim() || String(error), { cause: error });
  }
};

/** Registers the schemas of `kafka/schemas` with the script that Compose runs; what is there already stays as it is. */
export const registerSchemas = (url: string): Promise<void> => runScript('register-schemas.sh', [], { REGISTRY_URL: url });

/**
 * Runs a real schema registry as a child process, Apicurio behind Confluent's API. Needs Java 17+, and Maven the first time; without them,
 * or with the port taken, rejects with a sentence that says what to do. Ids and schemas are kept in `dataDir` over `stop`, `kill` and
 * `start`. It is running when this resolves.
 */
export const startLocalRegistry = async ({ dataDir, port: wanted, log }: { dataDir: string; port?: number; log: Log }) => {
  await runScript('registry.sh', ['fetch']);
  const port = wanted ?? await freePort();
  const address = `http://127.0.0.1:${port}`;
  let child: Child | undefined;

  const start = async (): Promise<void> => {
    if (child?.running()) return;
    await assertFree(port);
    const lines: string[] = [];
    const started = startChild({
      command: 'bash',
      args: [resolve(kafkaDir, 'registry.sh'), 'start', dataDir, String(port)],
      log: (line) => {
        if (lines.length < 50) lines.push(line);
        log(line);
      },
    });
    child = started;
    try {
      await waitFor(`the schema registry at ${address}`, async () => {
        if (!started.running()) throw new Error(`The schema registry stopped while starting:\n${lines.join('\n')}`);
        return fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(({ ok }) => ok, () => false);
      }, { timeoutMs: 60_000 });
    } catch (error) {
      await started.stop(1_000);
      throw error;
    }
  };
  await start();

  return {
    port,
    /** SCHEMA_REGISTRY_URL of the services. */
    url: `${address}/apis/ccompat/v7`,
    start,
    /** Resolves when the present process ends, whoever ended it. */
    exited: () => child?.exited,
    stop: async (): Promise<void> => {
      await child?.stop(10_000);
    },
    /** SIGKILL; resolves once the process is gone. */
    kill: async (): Promise<void> => {
      child?.signal('SIGKILL');
      await child?.exited;
    },
  };
};

/** Starts one whose schemas go when it is removed; it knows those of `kafka/schemas`. */
export const startScratchRegistry = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'registry-'));
  const removeData = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const registry = await startLocalRegistry({ dataDir, log: () => undefined });
    const remove = (): Promise<void> => registry.stop().finally(removeData);
    await registerSchemas(registry.url).catch(async (error: unknown) => {
      await remove();
      throw error;
    });
    return { registry, remove };
  } catch (error) {
    await removeData();
    throw error;
  }
};
