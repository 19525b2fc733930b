import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../utils/logger';
import { createApplyBatch } from './apply-batch';
import { createChanges } from './changes';
import { createClaims } from './claims';
import { unavailable } from './errors';
import { migrate, readMigrations, type Migration } from './migrate';
import { createPool, type Database, type PoolSettings } from './pool';
import { createPruner } from './prune';
import { createReads } from './reads';
import { createStartPartition } from './start-partition';
import type { PostgresStore, Topics, Watch } from './types';

const RETRY_MS = 1_000;
/** What hangs longer than this when the process ends is left to the operating system. */
const STOP_MS = 3_000;

/** Sizes and time-outs: replicas times the sum of sizes stays below the server's limit of connections, 100. */
const POOLS = {
  writer: { size: 1, statementMs: 10_000, lockMs: 5_000, byKey: true },
  claims: { size: 2, statementMs: 3_000, lockMs: 2_000, byKey: true },
  reads: { size: 6, statementMs: 3_000, lockMs: 2_000 },
} as const;

/** Orders in PostgreSQL, for any number of replicas: the port, and what folds the log into it. */
export const createPostgresStore = ({
  url, topics, logger, wanted = () => true, schema, keepDays, watch = {}, migrations: given,
}: {
  url: string;
  topics: Topics;
  logger: Logger;
  /** Whether somebody wants to hear of changes now; without that they are not looked up. */
  wanted?: () => boolean;
  /** Of the tables; that of the connection's search path by default. */
  schema?: string;
  /** Orders older than that are deleted; none by default. */
  keepDays?: number | undefined;
  watch?: Watch;
  /** Those of this code by default. */
  migrations?: readonly Migration[];
}): PostgresStore => {
  let state: 'starting' | 'ready' | 'stopped' = 'starting';

  /** Before the tables are there, or while they are those of a newer code, nothing is asked of them. */
  const guarded = (settings: Omit<PoolSettings, 'url' | 'schema' | 'logger'>): Database => {
    const pool = createPool({ url, schema, logger, ...settings });
    return {
      ...pool,
      ask: async (...question) => {
        if (state !== 'ready') throw unavailable();
        return pool.ask(...question);
      },
      transact: async (work) => {
        if (state !== 'ready') throw unavailable();
        return pool.transact(work);
      },
    };
  };
  const writer = guarded({ name: 'writer', ...POOLS.writer });
  const claims = guarded({ name: 'claims', ...POOLS.claims });
  const reads = guarded({ name: 'reads', ...POOLS.reads });
  const pools = [writer, claims, reads];
  const pruner = keepDays === undefined ? undefined : createPruner({ database: writer, days: keepDays, logger });
  const { changes, positions, isHeard, ...watcher } = createChanges({ database: reads, url, topics, wanted, logger });

  /** @returns whether the tables are those of this code */
  const tryToMigrate = async (migrations: readonly Migration[]): Promise<boolean> => {
    try {
      const migrated = await migrate({ url, schema, migrations });
      if (migrated.kind === 'ready') {
        logger.info('database ready', { migrations: migrated.made });
        return true;
      }
      logger.error('database is of a newer version of this service: it is not used', { version: migrated.version });
    } catch (error) {
      logger.warn('database not ready yet', { error });
    }
    return false;
  };

  return {
    store: { ...createClaims(claims), ...createReads(reads) },
    changes,
    applyBatch: createApplyBatch(writer, watch),
    startPartition: createStartPartition({ database: writer, logger, ...watch }),
    positions,
    healthy: () => state === 'ready' && isHeard(),
    pools: () => pools.map(({ figures }) => figures()),
    start: async () => {
      const migrations = given ?? await readMigrations();
      while (!await tryToMigrate(migrations)) {
        await sleep(RETRY_MS);
        if (state === 'stopped') return;
      }
      if (state === 'stopped') return;
      state = 'ready';
      pruner?.start();
      await watcher.start();
    },
    stop: async () => {
      if (state === 'stopped') return;
      pruner?.stop();
      const tooLong = sleep(STOP_MS, undefined, { ref: false });
      await Promise.race([watcher.stop(), tooLong]);
      state = 'stopped';
      await Promise.race([Promise.all(pools.map(({ end }) => end())), tooLong]);
    },
  };
};
