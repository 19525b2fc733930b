import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalBroker, type LocalBroker } from './broker';
import { startLocalCluster, type LocalCluster, type Routes } from './cluster';

type Ports = { port?: number; advertisedPort?: number };
/** What scratch brokers are to be: secured or not, and what they have otherwise than Compose's. */
export type Kind = { secure?: boolean; settings?: Record<string, string> };
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

const optionsOf = (dataDir: string, { secure = false, settings = {} }: Kind) =>
  ({ dataDir, settings, ...(secure && { secrets: join(dataDir, 'secrets') }) });

const within = async <B, T>({ broker, remove }: Scratch<B>, use: (broker: B) => Promise<T>): Promise<T> => {
  try {
    return await use(broker);
  } finally {
    await remove();
  }
};

/** Starts a broker whose records go when it is removed. */
export const startScratchBroker = ({ port, advertisedPort, ...kind }: Ports & Kind = {}): Promise<Scratch<LocalBroker>> =>
  startScratch((dataDir) => startLocalBroker({
    ...optionsOf(dataDir, kind), log: () => undefined, ...(port !== undefined && { port }), ...(advertisedPort !== undefined && { advertisedPort }),
  }));

/** Has such a broker for as long as `use` takes. */
export const withLocalBroker = async <T>(use: (broker: LocalBroker) => Promise<T>, options?: Ports & Kind): Promise<T> =>
  within(await startScratchBroker(options), use);

/** Has three brokers whose records go with them, for as long as `use` takes. */
export const withLocalCluster = async <T>(use: (cluster: LocalCluster) => Promise<T>, { routes, ...kind }: Kind & { routes?: Routes } = {}): Promise<T> =>
  within(await startScratch((dataDir) => startLocalCluster({
    ...optionsOf(dataDir, kind), logOf: () => () => undefined, ...(routes && { routes }),
  })), use);
