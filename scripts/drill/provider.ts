import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../lib/ports';
import { startChild, waitFor, type Child } from '../lib/process';
import { faultsSchema, type Faults } from '../provider/faults';

export type Provider = Awaited<ReturnType<typeof startProvider>>;

const root = resolve(__dirname, '../..');

/** The payment provider of scripts/provider as a child process, with a ledger of its own that outlives its death. */
export const startProvider = async (env: Record<string, string> = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'provider-'));
  const ledger = join(folder, 'ledger.jsonl');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  let faults: Partial<Faults> = {};
  let child: Child;

  /** Resolves once it answers, with the faults that were set last. */
  const start = async (): Promise<void> => {
    const started = startChild({
      command: process.execPath,
      args: ['--require', 'ts-node/register/transpile-only', 'scripts/provider/index.ts'],
      cwd: root,
      env: {
        ...process.env, TS_NODE_PROJECT: 'scripts/provider/tsconfig.json', HOST: '127.0.0.1', PORT: String(port), PROVIDER_LEDGER: ledger,
        PROVIDER_FAULTS: JSON.stringify(faults), ...env,
      },
      log: (line) => void lines.push(line),
    });
    child = started;
    await waitFor('the provider', async () => {
      if (!started.running()) throw new Error(`the provider ended while starting: ${lines.join('\n')}`);
      return fetch(`${url}/health`).then(({ ok }) => ok, () => false);
    });
  };
  await start();

  return {
    url,
    ledger,
    pid: (): number => child.pid!,
    start,
    setFaults: async (to: Partial<Faults>): Promise<void> => {
      faults = faultsSchema.parse(to);
      const answer = await fetch(`${url}/faults`, {
        method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(faults),
      });
      if (!answer.ok) throw new Error(`the provider refused its faults: ${await answer.text()}`);
    },
    /** Resolves when it works on nothing any more, whether or not somebody waits for that. */
    untilIdle: (): Promise<void> => waitFor('the provider to be idle', async () => {
      const { charges } = await (await fetch(`${url}/charges?limit=1000000`)).json() as { charges: { status: string }[] };
      return charges.every(({ status }) => status !== 'pending');
    }),
    /** SIGKILL; what it was working on is forgotten, what it has booked is not. */
    kill: async (): Promise<void> => {
      child.signal('SIGKILL');
      await child.exited;
    },
    close: async (): Promise<void> => {
      await child.stop(5_000);
      await rm(folder, { recursive: true });
    },
  };
};
