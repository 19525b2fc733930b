import { createNode, fetchKafka, readSettings } from './kafka-node';
import { freePort } from './ports';
import type { Log } from './process';
import { createTopics } from './topics';

export type LocalBroker = Awaited<ReturnType<typeof startLocalBroker>>;

/**
 * Runs a real single-node Apache Kafka as a child process, on the settings and topics that Compose uses. Needs Java 17+, and
 * Maven the first time; without them, or with a port taken, rejects with a sentence that says what to do.
 * What was written is kept in `dataDir` over `stop`, `kill` and `start`. Resolves once clients can work.
 */
export const startLocalBroker = async ({ dataDir, port, advertisedPort, log }: {
  dataDir: string;
  port?: number;
  /** What clients are sent to, where something stands between them and the broker. */
  advertisedPort?: number;
  log: Log;
}) => {
  await fetchKafka(log);
  const controllerPort = await freePort();
  const node = await createNode({
    id: 1, dataDir, settings: readSettings('broker.env'), port: port ?? await freePort(), controllerPort,
    voters: `1@127.0.0.1:${controllerPort}`, isUp: createTopics, log, ...(advertisedPort !== undefined && { advertisedPort }),
  });
  await node.start();
  return { ...node, brokers: node.address, pids: () => [node.pid()!] };
};
