import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
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

/** Registers schemas with the script that Compose runs, those of `kafka/schemas` if no others: each file under the subject of its name. */
export const registerSchemas = (url: string, files: string[] = []): Promise<void> =>
  runScript('register-schemas.sh', files, { REGISTRY_URL: url, REGISTRY_WAIT_SECONDS: '10' });

const withFolder = async <T>(use: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'schemas-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** The schemas of `kafka/schemas` for topics of other names. */
export const registerUnder = (url: string, topics: Record<string, string>): Promise<void> => withFolder(async (folder) => {
  const files = Object.entries(topics).map(([schema, topic]) =>
    ({ from: resolve(kafkaDir, 'schemas', `${schema}-value.avsc`), to: join(folder, `${topic}-value.avsc`) }));
  for (const { from, to } of files) await copyFile(from, to);
  await registerSchemas(url, files.map(({ to }) => to));
});

/** A schema as the next version of a subject. @throws with the script's sentence when it is refused */
export const registerVersion = (url: string, subject: string, text: string): Promise<void> => withFolder(async (folder) => {
  const file = join(folder, `${subject}.avsc`);
  await writeFile(file, text);
  await registerSchemas(url, [file]);
});

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
