import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalBroker, type LocalBroker } from './broker';
import { startLocalCluster, type LocalCluster, type Routes } from './cluster';

type Ports = { port?: number; advertisedPort?: number };
type Scratch<B> = { broker: B; remove: () => Promise<void> };

/** Starts what keeps records in a folder that goes when it is removed. */
const startScratch = async <B extends { stop: () => Promise<void> }>(start: (dataDir: string) => Promise<B>): Promise<Scratch<B>> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kafka-'));
  const removeData = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const broker = await start(dataDir);
    return { broker, remove: () => broker.stop().finally(removeData) };
  } catch (error) {
    await removeData();
    throw error;
  }
};

const within = async <B, T>({ broker, remove }: Scratch<B>, use: (broker: B) => Promise<T>): Promise<T> => {
  try {
    return await use(broker);
  } finally {
    await remove();
  }
};

/** Starts a broker whose records go when it is removed. */
export const startScratchBroker = (ports: Ports = {}): Promise<Scratch<LocalBroker>> =>
  startScratch((dataDir) => startLocalBroker({ dataDir, log: () => undefined, ...ports }));

/** Has such a broker for as long as `use` takes. */
export const withLocalBroker = async <T>(use: (broker: LocalBroker) => Promise<T>, ports?: Ports): Promise<T> =>
  within(await startScratchBroker(ports), use);

/** Has three brokers whose records go with them, for as long as `use` takes. */
export const withLocalCluster = async <T>(use: (cluster: LocalCluster) => Promise<T>, routes?: Routes): Promise<T> =>
  within(await startScratch((dataDir) => startLocalCluster({ dataDir, logOf: () => () => undefined, ...(routes && { routes }) })), use);
