import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { runScript } from './lib/run-script';
import { runSeed, type Outcome } from './simulate/seed';

const usage = 'usage: npm run simulate -- [--seeds FROM..TO] [--workers N] | --seed N [--trace]';

type Options = { from: number; to: number; workers: number; trace: boolean };

const parseArguments = (args: string[]): Options => {
  const options: Options = { from: 1, to: 2_000, workers: 2, trace: false };
  const wrong = (): never => {
    throw new Error(usage);
  };
  const number = (text: string | undefined): number => (/^\d+$/.test(text ?? '') ? Number(text) : wrong());
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i]!;
    if (arg === '--trace') {
      options.trace = true;
      continue;
    }
    const value = args[i += 1];
    if (arg === '--workers') options.workers = number(value);
    else if (arg === '--seed') options.from = options.to = number(value);
    else if (arg === '--seeds') [options.from = wrong(), options.to = options.from] = (value ?? '').split('..').map(number);
    else wrong();
  }
  if (options.to < options.from || options.workers < 1) wrong();
  return options;
};

const MOST_SHOWN = 5;

const report = ({ seed, brokers, violations }: Outcome): void => {
  if (violations.length === 0) return;
  console.log(`seed ${seed}, ${brokers} broker(s): broken`);
  for (const violation of violations.slice(0, MOST_SHOWN)) console.log(`  ${violation}`);
  if (violations.length > MOST_SHOWN) console.log(`  and ${violations.length - MOST_SHOWN} more`);
  console.log(`  again: npm run simulate -- --seed ${seed} --trace`);
};

/** A seed takes a part of a second. One that takes so long turns in promises for ever, where no timer of its own could stop it. */
const HANGS_MS = 60_000;

const hung = (seed: number): Outcome => ({
  seed, brokers: 0, violations: [`a process hangs: it turns in promises and lets nothing else happen (no end within ${HANGS_MS / 1_000} s)`],
  orders: 0, refused: 0, duplicates: 0, seconds: 0, hash: '',
});

/** Runs the seeds in processes of their own, each of which takes the next one when it is done. */
const runAll = ({ from, to, workers }: Options, onOutcome: (outcome: Outcome) => void): Promise<void> => new Promise((done, fail) => {
  let next = from;
  let running = 0;
  const start = (): void => {
    const worker = fork(resolve(__dirname, 'simulate/worker.ts'), {
      execArgv: ['-r', 'ts-node/register/transpile-only'], env: { ...process.env, TS_NODE_PROJECT: resolve(__dirname, 'tsconfig.json') },
    });
    running += 1;
    let watch: NodeJS.Timeout | undefined;
    let hangs = false;
    const giveUp = (seed: number) => (): void => {
      hangs = true;
      worker.kill('SIGKILL');
      onOutcome(hung(seed));
    };
    const give = (): void => {
      if (next > to) {
        worker.disconnect();
        return;
      }
      worker.send(next);
      watch = setTimeout(giveUp(next), HANGS_MS);
      next += 1;
    };
    worker.on('message', (outcome: Outcome) => {
      clearTimeout(watch);
      onOutcome(outcome);
      give();
    });
    worker.on('exit', (code) => {
      running -= 1;
      if (hangs && next <= to) start();
      else if (code !== 0 && !hangs) fail(new Error(`a worker ended with ${code}`));
      else if (running === 0) done();
    });
    give();
  };
  for (let i = 0; i < Math.min(workers, to - from + 1); i += 1) start();
});

const main = async (): Promise<number> => {
  const options = parseArguments(process.argv.slice(2));
  const startedAt = Date.now();
  const sums = { seeds: 0, failed: 0, orders: 0, refused: 0, duplicates: 0, seconds: 0 };
  const note = (outcome: Outcome): void => {
    report(outcome);
    sums.seeds += 1;
    if (outcome.violations.length > 0) sums.failed += 1;
    for (const sum of ['orders', 'refused', 'duplicates', 'seconds'] as const) sums[sum] += outcome[sum];
  };
  if (options.from === options.to) {
    const outcome = await runSeed(options.from, options.trace ? { onTrace: (line) => console.log(line) } : {});
    note(outcome);
    console.log(`trace ${outcome.hash}`);
  } else {
    await runAll(options, note);
  }
  const { orders, refused, duplicates, seconds } = sums;
  console.log(`${orders} orders, ${refused} posts refused, ${duplicates} outcomes repeated, ${Math.round(seconds / 60)} virtual minutes in ${Math.round((Date.now() - startedAt) / 1_000)} s`);
  console.log(`${sums.seeds - sums.failed} passed, ${sums.failed} failed`);
  return sums.failed === 0 ? 0 : 1;
};

runScript(main);
