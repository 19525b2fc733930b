import { dockerWorks, startDockerBroker } from '../lib/docker';
import { waitFor } from '../lib/process';
import { startScratchBroker } from '../lib/scratch-broker';
import { hasTopics } from '../lib/topics';

const standard = '127.0.0.1:29092';

declare global {
  /** Undoes what the setup did; Jest runs setup and teardown in one process, and has no other channel between them. */
  var stopTestBroker: (() => Promise<void>) | undefined;
}

const startJavaBroker = async (): Promise<string> => {
  const { broker, remove } = await startScratchBroker();
  globalThis.stopTestBroker = remove;
  return broker.brokers;
};

const startContainer = async (): Promise<string> => {
  const undo = await startDockerBroker();
  try {
    await waitFor('the kafka container', () => hasTopics({ brokers: standard }), { timeoutMs: 120_000, intervalMs: 500 });
  } catch (error) {
    await undo();
    throw error;
  }
  globalThis.stopTestBroker = undo;
  return standard;
};

const findBroker = async (): Promise<string> => {
  if (process.env.KAFKA_BROKERS) return process.env.KAFKA_BROKERS;
  if (await hasTopics({ brokers: standard })) return standard;
  return await dockerWorks() ? startContainer() : startJavaBroker();
};

/**
 * Gives the tests a real broker, its address in KAFKA_BROKERS: the one given there, else the one of a running stack, else
 * Docker's `kafka` service, else a local one on Java. Throws, saying what to install, when none can be had.
 */
export default async (): Promise<void> => {
  process.env.KAFKA_BROKERS = await findBroker();
  process.stderr.write(`Broker of the tests: ${process.env.KAFKA_BROKERS}\n`);
};
