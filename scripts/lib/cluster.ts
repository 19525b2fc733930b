import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createNode, fetchKafka, readSettings, type KafkaNode } from './kafka-node';
import { freePort } from './ports';
import type { Log } from './process';
import type { Reach } from './reach';
import { createSecurity } from './security';
import { createTopics } from './topics';

export type LocalCluster = Awaited<ReturnType<typeof startLocalCluster>>;

/** The ports that are dialled instead of a node's own, where something stands in between. */
export type Routes = {
  /** By clients and by other brokers. */
  client: (id: number, port: number) => Promise<number>;
  /** By the controller of `from`. */
  controller: (from: number, to: number, port: number) => Promise<number>;
};

const direct: Routes = { client: async (_id, port) => port, controller: async (_from, _to, port) => port };

/** How many brokers there are in all. */
export const CLUSTER_SIZE = readSettings('cluster.env')['BROKER_NODES']!.split(',').length;

const inOrder = async <T, U>(items: T[], act: (item: T) => Promise<U>): Promise<U[]> => {
  const results: U[] = [];
  for (const item of items) results.push(await act(item));
  return results;
};

/** The node that its quorum had elected last, as its own log knows it. */
const lastElected = ({ logDir }: KafkaNode): { leaderId: number; leaderEpoch: number } =>
  JSON.parse(readFileSync(resolve(logDir, '__cluster_metadata-0', 'quorum-state'), 'utf8')) as { leaderId: number; leaderEpoch: number };

/**
 * Runs three real brokers, each also a controller, as child processes: the settings of Compose's overlay, the same topics. It needs and
 * rejects what `startLocalBroker` does. Resolves once clients can work with each.
 * @param logOf where the output of a node goes
 * @param secrets, settings as of `startLocalBroker`
 * @param ports of the brokers, in the order of their node ids; free ones by default
 */
export const startLocalCluster = async ({ dataDir, ports, routes = direct, secrets, settings = {}, logOf }: {
  dataDir: string;
  ports?: number[];
  routes?: Routes;
  secrets?: string;
  settings?: Record<string, string>;
  logOf: (id: number) => Log;
}) => {
  await fetchKafka(logOf(1));
  const security = secrets === undefined ? undefined : await createSecurity(secrets);
  const ids = Array.from({ length: CLUSTER_SIZE }, (_, i) => i + 1);
  const controllerPorts = await inOrder(ids, freePort);
  const nodes = await inOrder(ids, async (id) => {
    const port = ports?.[id - 1] ?? await freePort();
    const voters = await inOrder(ids, async (to) => {
      const controllerPort = controllerPorts[to - 1]!;
      return `${to}@127.0.0.1:${to === id ? controllerPort : await routes.controller(id, to, controllerPort)}`;
    });
    return createNode({
      id, dataDir: resolve(dataDir, String(id)),
      settings: { ...readSettings('broker.env', 'cluster.env', ...(security ? ['secure.env'] : [])), ...settings },
      port, route: (own) => routes.client(id, own), controllerPort: controllerPorts[id - 1]!, voters: voters.join(','),
      security, isUp: createTopics, log: logOf(id),
    });
  });
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  // All at once: a quorum needs two of them.
  const start = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.start()));
  };
  // Any of them for a start: whoever is away, another one is there.
  const reach: Reach = { ...nodes[0]!.reach, brokers: nodes.map((node) => node.reach.brokers).join(',') };
  try {
    await start();
    await security?.writeAccess(reach);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: nodes.map(({ address }) => address).join(','),
    /** How these scripts reach them. */
    reach,
    security,
    nodes,
    node: (id: number): KafkaNode => nodes[id - 1]!,
    pids: () => nodes.map((node) => node.pid()!),
    /** The node whose controller decides for all at present. */
    controller: (): KafkaNode => {
      const [last] = nodes.map(lastElected).toSorted((x, y) => y.leaderEpoch - x.leaderEpoch || y.leaderId - x.leaderId);
      return nodes[last!.leaderId - 1]!;
    },
    /** Starts those that are not running. */
    start,
    stop,
  };
};
