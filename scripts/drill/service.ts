import { resolve } from 'node:path';
import { freePort } from '../lib/ports';
import { serviceNodeArgs, startChild, waitFor, type Child, type Exit } from '../lib/process';
import { createClient } from './load';

const root = resolve(__dirname, '../..');

export type Service = Awaited<ReturnType<typeof startService>>;

/** One of the built services as a child process, restarted when it fails, as Compose does (`restart: unless-stopped`). */
export const startService = async (name: 'service-a' | 'service-b', env: Record<string, string>, nodeArgs: string[]) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  const client = createClient(url);
  const exits: Exit[] = [];
  let settings = env;
  let wanted = true;
  let child: Child;

  const launch = (): void => {
    const launched = startChild({
      command: process.execPath,
      args: [...serviceNodeArgs, ...nodeArgs, 'dist/index.js'],
      cwd: resolve(root, name),
      env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), ...settings },
      log: (line) => {
        lines.push(line);
        if (lines.length > 2_000) lines.shift();
      },
    });
    child = launched;
    void launched.exited.then((exit) => {
      exits.push(exit);
      if (wanted && exit.code !== 0) setTimeout(launch, 200);
    });
  };
  launch();

  const ready = async (): Promise<boolean> => {
    const answer = await client.send('GET', '/ready').catch(() => undefined);
    return answer?.status === 200;
  };

  return {
    name,
    url,
    lines,
    exits,
    ready,
    running: (): boolean => child.running(),
    /** Ends that nobody asked for, which a restart would hide. A second signal ends with 130 or 143, a SIGKILL has no code. */
    crashes: (): Exit[] => exits.filter(({ code }) => code !== null && ![0, 130, 143].includes(code)),
    pid: (): number => child.pid!,
    untilReady: (timeoutMs = 30_000) => waitFor(`${name} to be ready`, ready, { timeoutMs }),
    untilNotReady: (timeoutMs = 15_000) => waitFor(`${name} to say it is not ready`, async () => !(await ready()), { timeoutMs }),
    /** SIGKILL; it comes back as Compose would bring it back. */
    kill: async (): Promise<void> => {
      const dying = child.exited;
      child.signal('SIGKILL');
      await dying;
    },
    /** A signal to the process as it is. */
    signal: (signal: NodeJS.Signals): void => child.signal(signal),
    /** SIGTERM; resolves with how it ended and how long that took. */
    stop: async (): Promise<Exit & { ms: number }> => {
      wanted = false;
      const startedAt = Date.now();
      const exit = await child.stop(15_000);
      return { ...exit, ms: Date.now() - startedAt };
    },
    /** With these settings otherwise from now on. */
    start: (changed: Record<string, string> = {}): void => {
      settings = { ...settings, ...changed };
      wanted = true;
      launch();
    },
    close: client.close,
  };
};

export type DltRun = ReturnType<typeof startDlt>;

/** service-b's command for dead letters, as a child process. */
export const startDlt = (env: Record<string, string>, args: string[]) => {
  const output = { stdout: [] as string[], stderr: [] as string[] };
  const child = startChild({
    command: process.execPath,
    args: ['--enable-source-maps', 'dist/dlt.js', ...args],
    cwd: resolve(root, 'service-b'),
    env: { ...process.env, ...env },
    log: (line, stream) => void output[stream].push(line),
  });
  return { pid: child.pid, signal: child.signal, ended: child.exited.then((exit) => ({ ...exit, ...output })) };
};

/** Runs service-a's rebuild beside everything; resolves to what it said. @throws when it fails */
export const runRebuild = async (env: Record<string, string>): Promise<string[]> => {
  const lines: string[] = [];
  const child = startChild({
    command: process.execPath,
    args: ['--enable-source-maps', 'dist/rebuild.js'],
    cwd: resolve(root, 'service-a'),
    env: { ...process.env, ...env },
    log: (line) => void lines.push(line),
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the rebuild ended with exit code ${code}: ${lines.slice(-3).join(' ')}`);
  return lines;
};
