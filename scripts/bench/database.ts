import { runRebuild } from '../drill/service';
import type { Stage } from '../drill/stage';
import { query, startScratchPostgres } from '../lib/postgres';
import { benchPair, type Brokers, type Durations, type PairRun, type Variant } from './pair';
import { ORDER_BODY } from './measure';

type Options = Durations & { profile: boolean };

/** As many finished orders as stand for a long history. */
const MANY = 3_000_000;

/** As Compose's overlay runs it (docker-compose.postgres.yml). */
const SETTINGS = { fsync: 'on', shared_buffers: '256MB', max_wal_size: '2GB', checkpoint_timeout: '15min', wal_compression: 'on' };

/** Orders that the log no longer holds, paid, one a millisecond back from now. */
const fillTables = async (url: string, count: number): Promise<void> => {
  const text = JSON.stringify({ orderId: '00000000-0000-4000-8000-000000000000', ...JSON.parse(ORDER_BODY) as object });
  const iso = (source: string): string => `to_char(to_timestamp(${source} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  await query(url, `
    INSERT INTO orders (order_id, source, text, created_at, created_ms, event_id, order_partition, order_offset, payment_id, paid_at,
      payment_partition, payment_offset)
    SELECT id, 2, overlay('${text}' placing id::text from 13 for 36), ${iso('ms')}, ms, gen_random_uuid(), 0, 0, gen_random_uuid(), ${iso('ms')}, 0, 0
    FROM (SELECT gen_random_uuid() AS id, (extract(epoch from now()) * 1000)::bigint - n AS ms FROM generate_series(1, ${count}) AS n) AS made`,
  `INSERT INTO order_counts (part, status, count) VALUES (0, 'completed', ${count})
    ON CONFLICT (part, status) DO UPDATE SET count = order_counts.count + excluded.count`, 'ANALYZE orders', 'CHECKPOINT');
};

/** Bytes in the database by orders in it: their table with its indexes, and the changes for event streams. */
const bytesPerOrder = async (url: string): Promise<{ table: number; indexes: number; changes: number }> => {
  const [sizes] = await query(url, `SELECT pg_table_size('orders') / n AS table, pg_indexes_size('orders') / n AS indexes,
    pg_total_relation_size('order_changes') / n AS changes FROM (SELECT greatest(count(*), 1) AS n FROM orders) AS counted`);
  return { table: Number(sizes!['table']), indexes: Number(sizes!['indexes']), changes: Number(sizes!['changes']) };
};

/** How long a replica takes from its start to /ready, in seconds. */
const restartSeconds = async ({ a }: Stage): Promise<number> => {
  await a.stop();
  const startedAt = Date.now();
  a.start();
  await a.untilReady(120_000);
  return (Date.now() - startedAt) / 1_000;
};

/** Reads the topics of the run into fresh tables while service-a stands by; records per second. */
const rebuildRate = async ({ envA }: Stage): Promise<number> => {
  const lines = await runRebuild(envA);
  const [, rate] = /read \d+ records in .*, (\d+) a second/.exec(lines.join('\n')) ?? [];
  if (rate === undefined) throw new Error(`the rebuild does not say how fast it was: ${lines.slice(-3).join(' ')}`);
  return Number(rate);
};

/** The pair with its orders in memory and in PostgreSQL, one after the other on one broker; `tell` hears of each run as it ends. */
export const benchDatabase = async (
  broker: Brokers, options: Options, tell: (what: string, pair: PairRun, more: Record<string, number>) => void,
) => {
  const { postgres, remove } = await startScratchPostgres({ settings: SETTINGS });
  const runs: { what: string; pair: PairRun; more: Record<string, number> }[] = [];
  const play = async (what: string, variantOf: (more: Record<string, number>) => Variant): Promise<void> => {
    const more: Record<string, number> = {};
    const pair = await benchPair(broker, options, variantOf(more));
    runs.push({ what, pair, more });
    tell(what, pair, more);
  };
  const onDatabase = async (what: string, { rows = 0, rebuilds = false, ...variant }: Variant & { rows?: number; rebuilds?: boolean }) => {
    const url = await postgres.createDatabase('bench');
    await play(what, (more) => ({
      ...variant,
      env: { DATABASE_URL: url },
      postgresPid: postgres.pid()!,
      before: async (stage) => {
        if (rows === 0) return;
        await fillTables(url, rows);
        more['ready after a restart, s'] = await restartSeconds(stage);
      },
      after: async (stage) => {
        Object.assign(more, Object.fromEntries(Object.entries(await bytesPerOrder(url)).map(([part, bytes]) => [`bytes/order, ${part}`, bytes])));
        if (rebuilds) more['rebuild, records/s'] = await rebuildRate(stage);
      },
    }));
  };
  try {
    await play('memory, 1,000 held', () => ({ env: { ORDERS_MAX: '1000' } }));
    await play('memory, 100,000 held', () => ({}));
    await onDatabase('PostgreSQL, one service-a', { rebuilds: true });
    await onDatabase('PostgreSQL, two service-a', { replicas: 2 });
    await onDatabase(`PostgreSQL, ${MANY} rows before`, { rows: MANY });
    return runs;
  } finally {
    await remove();
  }
};
