import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = async (command: string, ...args: string[]): Promise<string> => (await promisify(execFile)(command, args)).stdout;
const works = (command: string, ...args: string[]): Promise<boolean> => run(command, ...args).then(() => true, () => false);

/** Starts Compose's `kafka` service as a stack of its own, so that nobody's volume is touched; resolves to what takes it away again. */
const startStack = async (): Promise<() => Promise<void>> => {
  const plugin = await works('docker', 'compose', 'version');
  const compose = (...args: string[]): Promise<string> => (
    plugin ? run('docker', 'compose', '-p', 'order-payment-test', ...args) : run('docker-compose', '-p', 'order-payment-test', ...args)
  );
  const down = async (): Promise<void> => {
    await compose('down', '-v');
  };
  try {
    await compose('up', '-d', 'kafka');
  } catch (error) {
    await down();
    throw error;
  }
  return down;
};

/** Whether there is a Docker engine, and Compose of either kind. */
export const dockerWorks = async (): Promise<boolean> => await works('docker', 'info')
  && (await works('docker', 'compose', 'version') || works('docker-compose', 'version'));

/**
 * Has the `kafka` container running: a stopped one is started and will be stopped again; if there is none, one is made with a
 * volume of its own and both are removed in the end. Resolves, before it is healthy, to what undoes it.
 */
export const startDockerBroker = async (): Promise<() => Promise<void>> => {
  const there = await run('docker', 'ps', '--all', '--quiet', '--filter', 'name=^/?kafka$');
  if (there.trim() === '') return startStack();
  await run('docker', 'start', 'kafka');
  return async () => {
    await run('docker', 'stop', 'kafka');
  };
};
