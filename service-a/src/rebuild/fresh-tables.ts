import { escapeIdentifier, type Client } from 'pg';
import { z } from 'zod';
import type { BatchResult, StartPartition } from '../processors/tables';
import { migrate, readMigrations } from '../store/postgres/migrate';
import { createStartPartition } from '../store/postgres/start-partition';
import type { Logger } from '../utils/logger';
import { connect, createTransactions, select } from './connections';
import { createCopyBatches, type CopiedBatch } from './copy-batches';
import { createGather } from './gather';
import { mergeStatements } from './merge-rows';
import { createSwap } from './swap';

/** Tables are made here, apart from those in use, and moved over: their names and those of their indexes stay. */
const FRESH = 'orders_rebuild';
const OLD = 'orders_replaced';
/** Of an advisory lock: one rebuild at a time. */
const LOCK = 0x6f72_6466;
/** Rows that are looked at in one statement. */
const CHUNK_ROWS = 20_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export class AnotherRebuildError extends Error {
  override readonly name = 'AnotherRebuildError';

  constructor() {
    super('another rebuild is running');
  }
}

const ownerRow = z.object({ locked: z.boolean(), schema: z.string() });
const idRow = z.object({ order_id: z.string() });
const positionRow = z.object({ topic: z.string(), partition: z.number(), next_offset: z.string() });

/** The connection with the right to swap, which ends with it; and the schema of the tables in use. */
const own = async (url: string): Promise<{ owner: Client; live: string }> => {
  const owner = await connect(url, 'swap');
  const [got] = await select(owner, ownerRow, 'SELECT pg_try_advisory_lock($1) AS locked, current_schema() AS schema', [LOCK]);
  if (got?.locked === true) return { owner, live: escapeIdentifier(got.schema) };
  await owner.end();
  throw new AnotherRebuildError();
};

export type FreshTables = Awaited<ReturnType<typeof openFreshTables>>;

/**
 * Makes empty tables beside those in use, in the place of what a rebuild that died has left.
 * @throws AnotherRebuildError
 */
export const openFreshTables = async ({ url, topics, logger }: { url: string; topics: readonly string[]; logger: Logger }) => {
  const migrations = await readMigrations();
  const migrated = await migrate({ url, migrations });
  if (migrated.kind === 'newer') throw new Error(`the database is of a newer version of this service (${migrated.version})`);
  const { owner, live } = await own(url);
  const dropAll = `DROP SCHEMA IF EXISTS ${FRESH} CASCADE; DROP SCHEMA IF EXISTS ${OLD} CASCADE`;
  await owner.query(`${dropAll}; CREATE SCHEMA ${FRESH}`);
  await migrate({ url, schema: FRESH, migrations });
  const writer = await connect(url, 'writer');
  // A crash of the server ends the rebuild anyway, which then begins anew.
  await writer.query(`SET search_path = ${FRESH}; SET synchronous_commit = off`);
  const { transact, between, finish } = createTransactions(writer);
  const gather = createGather(createCopyBatches({ transact }));
  const startPartition = createStartPartition({ database: { transact }, logger });

  const positionsOf = async (client: Client, schema: string): Promise<{ id: string; next: bigint }[]> => {
    const rows = await select(client, positionRow,
      `SELECT topic, partition, next_offset FROM ${schema}.projection_offsets WHERE topic = ANY ($1)`, [topics]);
    return rows.map(({ topic, partition, next_offset: next }) => ({ id: `${topic}/${partition}`, next: BigInt(next) }));
  };

  /** How far the fresh tables are, by `topic/partition`. */
  const positions = async (): Promise<ReadonlyMap<string, bigint>> => {
    await gather.flush();
    return new Map((await between(() => positionsOf(writer, FRESH))).map(({ id, next }) => [id, next]));
  };

  /** Records that the fresh tables are behind those in use. */
  const behind = async (): Promise<bigint> => {
    const fresh = await positions();
    let sum = 0n;
    for (const { id, next } of await positionsOf(owner, live)) {
      const missing = next - (fresh.get(id) ?? 0n);
      if (missing > 0n) sum += missing;
    }
    return sum;
  };

  /** Takes over what only those in use know, of the rows behind an id up to another one, or to the end. */
  const takeOver = (after: string, upTo: string | undefined): Promise<void> => transact(async () => {
    // Ids that are taken come with the swap: until then they may be free again.
    const chosen = 'held.order_id > $1 AND ($2::uuid IS NULL OR held.order_id <= $2::uuid) AND held.source IS DISTINCT FROM 0';
    const { improve, add } = mergeStatements(live, FRESH, chosen);
    await writer.query(improve, [after, upTo ?? null]);
    await writer.query(add, [after, upTo ?? null]);
  });

  return {
    /** It is in the tables when they are asked for `positions`. */
    applyBatch: async (batch: CopiedBatch): Promise<BatchResult> => {
      await gather.add(batch);
      return { kind: 'applied', changed: [] };
    },
    startPartition: async (start: Parameters<StartPartition>[0]): Promise<string> => {
      await gather.flush();
      return startPartition(start);
    },
    positions,
    behind,
    /**
     * Takes over what the log no longer holds.
     * @param progress hears how many rows of those in use were looked at
     */
    takeOverAll: async (progress: (rows: number) => void, signal: AbortSignal): Promise<void> => {
      let after = FIRST_ID;
      for (let rows = 0; ; rows += CHUNK_ROWS) {
        signal.throwIfAborted();
        progress(rows);
        const [end] = await select(owner, idRow,
          `SELECT order_id FROM ${live}.orders WHERE order_id > $1 ORDER BY order_id OFFSET ${CHUNK_ROWS - 1} LIMIT 1`, [after]);
        await takeOver(after, end?.order_id);
        if (end === undefined) return;
        after = end.order_id;
      }
    },
    swap: createSwap({ owner, live, fresh: FRESH, old: OLD, behind, finish }),
    /** Removes what is not in use. */
    close: async (): Promise<void> => {
      await owner.query('ROLLBACK').catch(() => undefined);
      await writer.end().catch(() => undefined);
      await owner.query(dropAll).catch(() => undefined);
      await owner.end().catch(() => undefined);
    },
  };
};
