import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export type Log = (line: string) => void;
export type Exit = { code: number | null; signal: NodeJS.Signals | null };
export type Child = ReturnType<typeof startChild>;

/** How Node runs the services, as in their Dockerfiles. */
export const serviceNodeArgs = ['--enable-source-maps'];

type ChildOptions = {
  command: string; args: string[]; cwd?: string; env?: NodeJS.ProcessEnv; as?: { uid?: number; gid?: number };
  log: (line: string, output: 'stdout' | 'stderr') => void;
};

// Ends the command when its parent is gone, however it went: the pipe on descriptor 3 then closes without the line
// that the parent writes after a normal exit. SIGCONT first, since a stopped process would not take the SIGTERM.
const watched = '{ read -r _ <&3 || { kill -CONT $$; kill -TERM $$; }; } >/dev/null 2>&1 & exec 3<&- "$0" "$@"';

/**
 * Starts a command and hands its output to `log` line by line. It gets no Ctrl+C from the terminal (its parent decides the
 * order in which things stop), but cannot outlive its parent.
 */
export const startChild = ({ command, args, cwd, env, as, log }: ChildOptions) => {
  const child = spawn('sh', ['-c', watched, command, ...args], {
    cwd, env, ...as, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const alive = child.stdio[3] as NodeJS.WritableStream;
  alive.on('error', () => undefined);
  for (const output of ['stdout', 'stderr'] as const) {
    const input = child[output];
    if (input) createInterface({ input }).on('line', (line) => log(line, output));
  }
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => alive.end('\n'));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  exited.catch(() => undefined);

  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals): void => {
    if (running()) child.kill(name);
  };
  /** Asks with SIGTERM, and ends it with SIGKILL once `graceMs` have passed. */
  const stop = async (graceMs: number): Promise<Exit> => {
    signal('SIGTERM');
    const timer = setTimeout(() => signal('SIGKILL'), graceMs);
    return exited.finally(() => clearTimeout(timer));
  };
  return { pid: child.pid, exited, running, signal, stop };
};

/** Polls until `check` holds; throws, naming `what`, when it does not within `timeoutMs`. What `check` throws passes through. */
export const waitFor = async (
  what: string, check: () => boolean | Promise<boolean>, { timeoutMs = 30_000, intervalMs = 100 } = {},
): Promise<void> => {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() >= deadline) throw new Error(`Waited ${timeoutMs / 1000} s for ${what} in vain.`);
    await sleep(intervalMs);
  }
};
