import { createNode, fetchKafka, readSettings } from './kafka-node';
import { freePort } from './ports';
import type { Log } from './process';
import { createSecurity } from './security';
import { createTopics } from './topics';

export type LocalBroker = Awaited<ReturnType<typeof startLocalBroker>>;

/**
 * Runs a real single-node Apache Kafka as a child process, on the settings and topics that Compose uses. Needs Java 17+, and
 * Maven the first time; without them, or with a port taken, rejects with a sentence that says what to do.
 * What was written is kept in `dataDir` over `stop`, `kill` and `start`. Resolves once clients can work.
 */
export const startLocalBroker = async ({ dataDir, port, advertisedPort, secrets, settings = {}, log }: {
  dataDir: string;
  port?: number;
  /** What clients are sent to, where something stands between them and the broker. */
  advertisedPort?: number;
  /** The folder of the secrets: the broker is secured. Needs openssl. */
  secrets?: string;
  /** What it has otherwise than Compose's. */
  settings?: Record<string, string>;
  log: Log;
}) => {
  await fetchKafka(log);
  const security = secrets === undefined ? undefined : await createSecurity(secrets);
  const [clientPort, controllerPort] = [port ?? await freePort(), await freePort()];
  const node = await createNode({
    id: 1, dataDir, settings: { ...readSettings('broker.env', ...(security ? ['secure.env'] : [])), ...settings }, port: clientPort,
    route: async (own) => (own === clientPort ? advertisedPort : undefined) ?? own,
    controllerPort, voters: `1@127.0.0.1:${controllerPort}`, security, isUp: createTopics, log,
  });
  await node.start();
  try {
    await security?.writeAccess(node.reach);
  } catch (error) {
    await node.stop();
    throw error;
  }
  return { ...node, brokers: node.address, security, pids: () => [node.pid()!] };
};
