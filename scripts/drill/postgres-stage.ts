import { withLocalBroker } from '../lib/scratch-broker';
import { startScratchPostgres, type LocalPostgres } from '../lib/postgres';
import { waitFor } from '../lib/process';
import { createRandom } from './random';
import { runDrill, type Result } from './run';
import type { Service } from './service';
import type { Stage } from './stage';
import { compareWithTables } from './tables-check';

export type PostgresStage = Stage & {
  postgres: LocalPostgres;
  /** The address of the drill's own database. */
  url: string;
};

/** A drill with orders in PostgreSQL and three service-a, over which the load is spread. */
export type PostgresDrill = {
  name: string;
  what: string;
  perSecond: number;
  seconds: number;
  /** Part of the quick set that CI runs. */
  quick?: boolean;
  /** Where the server has its data, if not in a folder of the machine's disk; resolves to what takes it away again. */
  disk?: () => Promise<{ dataDir: string; remove: () => Promise<void> }>;
  faults: (stage: PostgresStage) => Promise<number>;
};

const REPLICAS = 3;
/** Enough for what waits for a replica that is frozen: the load of the others must not stand still because of it. */
const CONNECTIONS = 4_096;

/** A replica's own answers, word for word: each has to be that of the others. */
const compareReplicas = async ({ replicas, load }: Stage): Promise<string[]> => {
  const answersOf = async ({ url }: Service): Promise<Map<string, string>> => {
    const answers = new Map<string, string>();
    const ask = async (path: string): Promise<void> => void answers.set(path, await (await fetch(`${url}${path}`)).text());
    for (const orderId of [...load.accepted.keys()].slice(-200)) await ask(`/orders/${orderId}`);
    await ask('/orders?limit=100');
    return answers;
  };
  const [first, ...others] = await Promise.all(replicas.map(answersOf));
  return others.flatMap((answers) => [...answers].filter(([what, answer]) => first!.get(what) !== answer)
    .map(([what, answer]) => `${what}: one service-a says ${first!.get(what)}, another one ${answer}`));
};

const playOn = async (brokers: string, postgres: LocalPostgres, drill: PostgresDrill, seed: number): Promise<Result> => {
  const database = `drill_${drill.name.replaceAll('-', '_')}`;
  const url = await postgres.createDatabase(database);
  const on = { brokers, random: createRandom(seed), connections: CONNECTIONS, replicas: REPLICAS };
  const { faults, ...terms } = drill;
  const played = { ...terms, env: { DATABASE_URL: url } };
  const result = await runDrill(played, on, (stage) => faults({ ...stage, postgres, url }), async (stage) => {
    const compare = () => compareWithTables({ url, ...stage });
    // Orders are settled by what GET says; records without an order may still be to read.
    const isEqual = async (): Promise<boolean> => (await compare()).violations.length === 0;
    await waitFor('the tables to equal the topics', isEqual, { timeoutMs: 30_000, intervalMs: 500 }).catch(() => undefined);
    const { violations, orders } = await compare();
    console.log(`  tables: ${orders} orders compared with a fold of the topics`);
    return [...violations, ...await compareReplicas(stage)];
  });
  await postgres.dropDatabase(database);
  return result;
};

/** Plays drills one after the other on one broker and one PostgreSQL; those that need a disk of their own have a server of their own. */
export const playPostgresDrills = (drills: PostgresDrill[], seed: number, tell: (result: Result) => void): Promise<void> =>
  withLocalBroker(async ({ brokers }) => {
    const shared = await startScratchPostgres();
    try {
      for (const drill of drills) {
        console.log(`${drill.name}: ${drill.what}`);
        const disk = await drill.disk?.();
        const own = disk && await startScratchPostgres({ dataDir: disk.dataDir });
        try {
          tell(await playOn(brokers, own?.postgres ?? shared.postgres, drill, seed));
        } finally {
          await own?.remove();
          await disk?.remove();
        }
      }
    } finally {
      await shared.remove();
    }
  });
