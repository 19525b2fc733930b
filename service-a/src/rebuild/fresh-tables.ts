import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError, escapeIdentifier } from 'pg';
import { z } from 'zod';
import { createApplyBatch, CHANNEL } from '../store/postgres/apply-batch';
import { StaleReadError } from '../store/postgres/errors';
import { migrate, readMigrations } from '../store/postgres/migrate';
import type { Ask } from '../store/postgres/pool';
import { createStartPartition } from '../store/postgres/start-partition';
import type { PostgresStore } from '../store/postgres/types';
import type { Logger } from '../utils/logger';
import { mergeStatements } from './merge-rows';

/** Tables are made here, apart from those in use, and moved over: their names and those of their indexes stay. */
const FRESH = 'orders_rebuild';
const OLD = 'orders_replaced';
/** In the order in which they are locked, and in which they are moved: nobody takes two of them the other way round. */
const LOCKED = ['projection_offsets', 'orders', 'order_counts', 'order_changes'];
const MOVED = ['projection_offsets', 'order_changes', 'orders', 'order_counts'];
/** Of an advisory lock: one rebuild at a time. */
const LOCK = 0x6f72_6466;
/** Rows that are looked at in one statement. */
const CHUNK_ROWS = 20_000;
/** Clocks of replicas differ: an id that was taken after a moment may be stamped this much earlier. */
const CLOCK_MARGIN_MS = 300_000;
/** How long the replicas may be held up: their own patience with a lock is two seconds. */
const HOLD = { lockMs: 1_000, mostMs: 1_500, tries: 20, restMs: 1_000 };
const TRIES = 5;

export class AnotherRebuildError extends Error {
  override readonly name = 'AnotherRebuildError';

  constructor() {
    super('another rebuild is running');
  }
}

const bigintText = z.string().transform((text) => BigInt(text));
const positionRow = z.object({ topic: z.string(), partition: z.number(), next_offset: bigintText });
type Position = z.output<typeof positionRow>;

const connect = async (url: string, what: string): Promise<Client> => {
  const client = new Client({ connectionString: url, application_name: `service-a rebuild ${what}`, connectionTimeoutMillis: 5_000, keepAlive: true });
  // A connection that is lost fails the query, and tells here too.
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

const isConflict = (error: unknown): boolean =>
  error instanceof StaleReadError || (error instanceof DatabaseError && ['40P01', '40001'].includes(error.code ?? ''));
const isHeldUp = (error: unknown): boolean => isConflict(error) || (error instanceof DatabaseError && error.code === '55P03');

export type FreshTables = Awaited<ReturnType<typeof openFreshTables>>;

/**
 * Makes empty tables beside those in use, in the place of what a rebuild that died has left.
 * @throws AnotherRebuildError
 */
export const openFreshTables = async ({ url, logger }: { url: string; logger: Logger }) => {
  const migrations = await readMigrations();
  const migrated = await migrate({ url, migrations });
  if (migrated.kind === 'newer') throw new Error(`the database is of a newer version of this service (${migrated.version})`);
  // The lock goes with this connection, and so does the right to swap: both are of one session.
  const owner = await connect(url, 'swap');
  const { rows: [got] } = await owner.query('SELECT pg_try_advisory_lock($1) AS locked, current_schema() AS schema', [LOCK]);
  const { locked, schema } = z.object({ locked: z.boolean(), schema: z.string() }).parse(got);
  if (!locked) {
    await owner.end();
    throw new AnotherRebuildError();
  }
  const live = escapeIdentifier(schema);
  const dropAll = `DROP SCHEMA IF EXISTS ${FRESH} CASCADE; DROP SCHEMA IF EXISTS ${OLD} CASCADE`;
  await owner.query(`${dropAll}; CREATE SCHEMA ${FRESH}`);
  await migrate({ url, schema: FRESH, migrations });
  const writer = await connect(url, 'writer');
  // Whatever is lost with a crash of the server is read again: the rebuild with it.
  await writer.query(`SET search_path = ${FRESH}; SET synchronous_commit = off`);

  const ask: Ask = async ({ name, text, row }, values = []) => {
    const { rows, rowCount } = await writer.query<Record<string, unknown>>({ name, text, values: [...values] });
    return { rows: row === undefined ? [] : rows.map((one) => row.parse(one)), count: rowCount ?? 0 };
  };

  /** What is done with the fresh tables, one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const transactOnce = async <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    try {
      await writer.query('BEGIN');
      const result = await work(ask);
      await writer.query('COMMIT');
      return result;
    } catch (error) {
      await writer.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };
  const transact = <T>(work: (ask: Ask) => Promise<T>): Promise<T> => inTurn(async () => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await transactOnce(work);
      } catch (error) {
        if (tries === TRIES || !isConflict(error)) throw error;
      }
    }
  });

  const positionsOf = async (client: Client, of: string): Promise<Position[]> => {
    const { rows } = await client.query(`SELECT topic, partition, next_offset FROM ${of}.projection_offsets`);
    return z.array(positionRow).parse(rows);
  };

  /** Records that the fresh tables are behind those in use. */
  const behind = async (topics: readonly string[]): Promise<bigint> => {
    const fresh = new Map((await inTurn(() => positionsOf(writer, FRESH))).map((one) => [`${one.topic}/${one.partition}`, one.next_offset]));
    return (await positionsOf(owner, live)).filter(({ topic }) => topics.includes(topic)).reduce((sum, { topic, partition, next_offset: next }) => {
      const missing = next - (fresh.get(`${topic}/${partition}`) ?? 0n);
      return missing > 0n ? sum + missing : sum;
    }, 0n);
  };

  const takeOver = async (chosen: string, values: unknown[], client = writer): Promise<void> => {
    const { improve, add } = mergeStatements(live, FRESH, chosen);
    await client.query(improve, values);
    await client.query(add, values);
  };

  /** Takes over what the log no longer holds. @param progress hears how many rows of those in use were looked at */
  const takeOverAll = async (progress: (rows: number) => void, signal: AbortSignal): Promise<void> => {
    let after = '00000000-0000-0000-0000-000000000000';
    for (let rows = 0; ; rows += CHUNK_ROWS) {
      signal.throwIfAborted();
      const { rows: [end] } = await owner.query(
        `SELECT order_id FROM ${live}.orders WHERE order_id > $1 ORDER BY order_id OFFSET ${CHUNK_ROWS - 1} LIMIT 1`, [after],
      );
      const upTo = end === undefined ? undefined : z.object({ order_id: z.string() }).parse(end).order_id;
      const chosen = `held.order_id > $1 AND ${upTo === undefined ? 'true' : 'held.order_id <= $2'} AND held.source IS DISTINCT FROM 0`;
      await transact(() => takeOver(chosen, upTo === undefined ? [after] : [after, upTo]));
      if (upTo === undefined) return;
      after = upTo;
      progress(rows + CHUNK_ROWS);
    }
  };

  /** Ids that are taken now; what is taken later is found by its time. */
  const noteClaims = async (): Promise<void> => {
    await owner.query(`DROP TABLE IF EXISTS ${FRESH}.claims; CREATE TABLE ${FRESH}.claims AS
      SELECT order_id FROM ${live}.orders WHERE source = 0; ANALYZE ${FRESH}.claims`);
  };

  const swapOnce = async (topics: readonly string[], since: number, signal: AbortSignal): Promise<number | undefined> => {
    const startedAt = performance.now();
    const deadline = startedAt + HOLD.mostMs;
    await owner.query(`BEGIN; SET LOCAL lock_timeout = ${HOLD.lockMs}`);
    // Readers go on until the tables are moved.
    for (const table of LOCKED) await owner.query(`LOCK TABLE ${live}.${table} IN EXCLUSIVE MODE`);
    while (await behind(topics) > 0n) {
      signal.throwIfAborted();
      if (performance.now() > deadline) return undefined;
      await sleep(10);
    }
    return inTurn(async () => {
      await takeOver(`(held.created_ms >= $1 OR held.order_id IN (SELECT order_id FROM ${FRESH}.claims))`, [since], owner);
      await owner.query(`INSERT INTO ${FRESH}.projection_offsets SELECT * FROM ${live}.projection_offsets ON CONFLICT DO NOTHING`);
      await owner.query(`CREATE SCHEMA ${OLD}`);
      for (const table of MOVED) {
        await owner.query(`ALTER TABLE ${live}.${table} SET SCHEMA ${OLD}; ALTER TABLE ${FRESH}.${table} SET SCHEMA ${live}`);
      }
      await owner.query(`SELECT pg_notify('${CHANNEL}', '')`);
      await owner.query('COMMIT');
      return performance.now() - startedAt;
    });
  };

  return {
    applyBatch: createApplyBatch({ transact }),
    startPartition: createStartPartition({ database: { transact }, logger }) satisfies PostgresStore['startPartition'],
    behind,
    takeOverAll,
    /**
     * Puts the fresh tables in the place of those in use, once nothing that these know is missing: whoever asks meanwhile waits, and goes on
     * with the fresh ones.
     * @returns for how many milliseconds they waited
     * @throws when the replicas cannot be held up long enough, however often it is tried
     */
    swap: async (topics: readonly string[], signal: AbortSignal): Promise<number> => {
      for (let tries = 1; tries <= HOLD.tries; tries += 1) {
        const { rows: [clock] } = await owner.query('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now');
        const { now } = z.object({ now: z.coerce.number() }).parse(clock);
        await noteClaims();
        try {
          const heldFor = await swapOnce(topics, now - CLOCK_MARGIN_MS, signal);
          if (heldFor !== undefined) return heldFor;
          await owner.query('ROLLBACK');
        } catch (error) {
          await owner.query('ROLLBACK');
          if (!isHeldUp(error)) throw error;
        }
        await sleep(HOLD.restMs, undefined, { signal });
      }
      throw new Error('the tables in use are too busy to be replaced');
    },
    /** Removes what is not in use. */
    close: async (): Promise<void> => {
      await owner.query('ROLLBACK').catch(() => undefined);
      await writer.end().catch(() => undefined);
      await owner.query(dropAll).catch(() => undefined);
      await owner.end().catch(() => undefined);
    },
  };
};
