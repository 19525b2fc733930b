import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { assertFree, freePort } from './ports';
import { findPrograms, runAs } from './postgres-programs';
import { startChild, waitFor, type Child, type Log } from './process';

const run = promisify(execFile);
const USER = 'postgres';

export type LocalPostgres = Awaited<ReturnType<typeof startLocalPostgres>>;

/** Runs statements over a connection of their own; resolves to the rows of the last. */
export const query = async (url: string, ...statements: string[]): Promise<Record<string, unknown>[]> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A connection that is lost fails the statement, and tells here too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, unknown>>(statement));
    return rows;
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** The same server's other database. */
const databaseOf = (url: string, name: string): string => {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
};

/** Makes an empty database on the server of `url`, in the place of one of that name; resolves to its URL. */
export const createDatabase = async (url: string, name: string): Promise<string> => {
  await query(url, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`, `CREATE DATABASE "${name}"`);
  return databaseOf(url, name);
};

/** The database of that name on the server of `url`, made if it is not there; resolves to its URL. */
export const ensureDatabase = async (url: string, name: string): Promise<string> => {
  const found = await query(url, `SELECT FROM pg_database WHERE datname = '${name}'`);
  return found.length > 0 ? databaseOf(url, name) : createDatabase(url, name);
};

export const dropDatabase = async (url: string, name: string): Promise<void> => {
  await query(url, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
};

/** What a process has started itself. */
const childrenOf = async (pid: number): Promise<number[]> => {
  const { stdout } = await run('pgrep', ['-P', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter((line) => line !== '').map(Number);
};

const signalTo = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
};

/**
 * Runs a real PostgreSQL as a child process: the one that npm brings, else an installed one; no Docker. It listens on 127.0.0.1 alone
 * and asks for no password. What was written is kept in `dataDir` over `stop`, `kill` and `start`. Rejects with a sentence that says what
 * to do.
 * @param settings of postgresql.conf
 */
export const startLocalPostgres = async ({ dataDir, port: wanted, settings = {}, log }: {
  dataDir: string;
  port?: number;
  settings?: Record<string, string>;
  log: Log;
}) => {
  const as = await runAs();
  const programs = await findPrograms(as);
  const port = wanted ?? await freePort();
  const url = `postgres://${USER}@127.0.0.1:${port}/postgres`;
  await mkdir(dataDir, { recursive: true });
  if (as.uid !== undefined) await chown(dataDir, as.uid, as.gid!);
  const data = resolve(dataDir, 'data');
  if (!existsSync(resolve(data, 'PG_VERSION'))) {
    await run(resolve(programs, 'initdb'), [
      '--pgdata', data, '--username', USER, '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions',
    ], { ...as, cwd: dataDir });
  }
  const all = {
    listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '',
    // Shared memory in files of the folder: it goes with it, also after a crash.
    dynamic_shared_memory_type: 'mmap', ...settings,
  };
  const args = ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  let child: Child | undefined;

  const answers = (): Promise<boolean> => query(url, 'SELECT 1').then(() => true, () => false);

  const launch = async (): Promise<string[]> => {
    const lines: string[] = [];
    const started = startChild({
      command: resolve(programs, 'postgres'), args, cwd: dataDir, as,
      log: (line) => {
        if (lines.length < 50) lines.push(line);
        log(line);
      },
    });
    child = started;
    await waitFor(`PostgreSQL at 127.0.0.1:${port}`, async () => !started.running() || answers(), { timeoutMs: 60_000, intervalMs: 50 });
    return started.running() ? [] : lines;
  };

  /** Starts it, also again after `stop` or `kill`; resolves once it answers. */
  const start = async (): Promise<void> => {
    if (child?.running()) return;
    await assertFree(port);
    const deadline = Date.now() + 20_000;
    for (;;) {
      const lines = await launch();
      if (lines.length === 0) return;
      // Processes of the one that was killed are still about to end.
      const again = lines.some((line) => line.includes('is still in use')) && Date.now() < deadline;
      if (!again) throw new Error(`PostgreSQL stopped while starting:\n${lines.join('\n')}`);
      await sleep(100);
    }
  };

  /** A signal to the server and to every process of its own. */
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    const server = child;
    if (!server?.running() || server.pid === undefined) return;
    // Frozen, the server starts no more of them.
    signalTo(server.pid, name);
    for (const pid of await childrenOf(server.pid)) signalTo(pid, name);
  };

  const stop = async (): Promise<void> => {
    await signal('SIGCONT');
    // SIGTERM would wait for every client to leave.
    child?.signal('SIGINT');
    const timer = setTimeout(() => void signal('SIGKILL'), 20_000);
    await child?.exited.finally(() => clearTimeout(timer));
  };

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    port,
    dataDir,
    pid: () => child?.pid,
    /** Resolves when the present process ends, whoever ended it. */
    exited: () => child?.exited,
    start,
    /** Clean shutdown: open transactions are rolled back, connections closed. */
    stop,
    restart: async (): Promise<void> => {
      await stop();
      await start();
    },
    /** The crash: SIGKILL to all of it, resolves once it is gone. */
    kill: async (): Promise<void> => {
      const server = child;
      const children = server?.pid === undefined ? [] : await childrenOf(server.pid);
      server?.signal('SIGKILL');
      for (const pid of children) signalTo(pid, 'SIGKILL');
      await server?.exited;
    },
    signal,
    /** The freeze: connections stay open and nothing is answered until `resume`. */
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    /** An empty database, in the place of one of that name; resolves to its URL. */
    createDatabase: (name: string): Promise<string> => createDatabase(url, name),
    dropDatabase: (name: string): Promise<void> => dropDatabase(url, name),
  };
};

/** Starts one whose data go when it is removed: what it acknowledged outlives a crash of PostgreSQL, but not one of the machine. */
export const startScratchPostgres = async ({ settings, ...options }: Partial<Parameters<typeof startLocalPostgres>[0]> = {}) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'postgres-'));
  const removeData = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const postgres = await startLocalPostgres({ dataDir, log: () => undefined, ...options, settings: { fsync: 'off', ...settings } });
    return { postgres, remove: (): Promise<void> => postgres.stop().finally(removeData) };
  } catch (error) {
    await removeData();
    throw error;
  }
};
