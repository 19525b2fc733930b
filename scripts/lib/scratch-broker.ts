import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalBroker, type LocalBroker } from './broker';

type Ports = { port?: number; advertisedPort?: number };

/** Starts a broker whose records go when it is removed. */
export const startScratchBroker = async (ports: Ports = {}): Promise<{ broker: LocalBroker; remove: () => Promise<void> }> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kafka-'));
  const removeData = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const broker = await startLocalBroker({ dataDir, log: () => undefined, ...ports });
    return { broker, remove: () => broker.stop().finally(removeData) };
  } catch (error) {
    await removeData();
    throw error;
  }
};

/** Has such a broker for as long as `use` takes. */
export const withLocalBroker = async <T>(use: (broker: LocalBroker) => Promise<T>, ports?: Ports): Promise<T> => {
  const { broker, remove } = await startScratchBroker(ports);
  try {
    return await use(broker);
  } finally {
    await remove();
  }
};
