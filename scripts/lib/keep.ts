import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalBroker, type LocalBroker } from './broker';
import { startLocalCluster } from './cluster';
import type { KafkaNode } from './kafka-node';
import { ensureDatabase, startLocalPostgres } from './postgres';
import type { Exit, Log } from './process';
import { registerSchemas, startLocalRegistry } from './registry';

/** What runs, and is started again when it ends by itself. */
export type Kept = { stop: () => Promise<void> };

type Keepable = { exited: () => Promise<Exit> | undefined; start: () => Promise<void>; stop: () => Promise<void> };

const keep = (servers: { server: Keepable; log: Log }[]): Kept => {
  let stopping = false;
  const watchOver = async ({ server, log }: { server: Keepable; log: Log }): Promise<void> => {
    const exit = await server.exited();
    if (stopping) return;
    log(`ended unexpectedly (${exit?.signal ?? `exit code ${exit?.code}`}): starting it again`);
    await sleep(1_000);
    if (stopping) return;
    await server.start().catch((error: unknown) => { log(String(error)); });
    void watchOver({ server, log });
  };
  for (const one of servers) void watchOver(one);
  return {
    stop: async (): Promise<void> => {
      stopping = true;
      await Promise.all(servers.map(({ server }) => server.stop()));
    },
  };
};

/** One broker for each port. */
export const keepBrokers = async ({ ports, dataDir, secrets, logOf }: {
  ports: number[];
  dataDir: string;
  /** The folder of the secrets: the brokers are secured. */
  secrets?: string | undefined;
  logOf: (id: number) => Log;
}): Promise<Kept & Pick<LocalBroker, 'reach' | 'security'>> => {
  logOf(1)(`starting Apache Kafka at ${ports.map((port) => `127.0.0.1:${port}`).join(',')}`);
  const kept = (nodes: KafkaNode[]): Kept => keep(nodes.map((server) => ({ server, log: logOf(server.id) })));
  const secured = secrets === undefined ? {} : { secrets };
  if (ports.length === 1) {
    const broker = await startLocalBroker({ dataDir, port: ports[0]!, ...secured, log: logOf(1) });
    return { ...kept([broker]), reach: broker.reach, security: broker.security };
  }
  const { nodes, reach, security } = await startLocalCluster({ dataDir, ports, ...secured, logOf });
  return { ...kept(nodes), reach, security };
};

/** A PostgreSQL with one database, which is made if it is not there. */
export const keepPostgres = async ({ database, log, ...where }: {
  port: number;
  dataDir: string;
  database: string;
  log: Log;
}): Promise<Kept & { url: string }> => {
  log(`starting PostgreSQL at 127.0.0.1:${where.port}`);
  const server = await startLocalPostgres({ ...where, log });
  return { ...keep([{ server, log }]), url: await ensureDatabase(server.url, database) };
};

/** A schema registry that knows the schemas of `kafka/schemas`. */
export const keepRegistry = async ({ log, ...where }: { port: number; dataDir: string; log: Log }): Promise<Kept & { url: string }> => {
  log(`starting Apicurio Registry at 127.0.0.1:${where.port}`);
  const server = await startLocalRegistry({ ...where, log });
  const kept = keep([{ server, log }]);
  try {
    await registerSchemas(server.url);
  } catch (error) {
    await kept.stop();
    throw error;
  }
  return { ...kept, url: server.url };
};
