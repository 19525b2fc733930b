import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalBroker } from './broker';
import { startLocalCluster } from './cluster';
import type { KafkaNode } from './kafka-node';
import { ensureDatabase, startLocalPostgres } from './postgres';
import type { Exit, Log } from './process';

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
export const keepBrokers = async ({ ports, dataDir, logOf }: {
  ports: number[];
  dataDir: string;
  logOf: (id: number) => Log;
}): Promise<Kept> => {
  logOf(1)(`starting Apache Kafka at ${ports.map((port) => `127.0.0.1:${port}`).join(',')}`);
  const nodes: KafkaNode[] = ports.length === 1
    ? [await startLocalBroker({ dataDir, port: ports[0]!, log: logOf(1) })]
    : (await startLocalCluster({ dataDir, ports, logOf })).nodes;
  return keep(nodes.map((server) => ({ server, log: logOf(server.id) })));
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
