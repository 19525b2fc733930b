import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { StoreUnavailableError } from '../../processors/order-store';
import type { Logger } from '../../utils/logger';
import type { Database } from './pool';
import { PARTS } from './rows';

/** Rows of one transaction, and the rest between two: whoever asks meanwhile does not feel it. */
const BATCH = 500;
const REST_MS = 100;
const LOOK_MS = 60_000;
/** Of an advisory lock: one replica at a time deletes. */
const LOCK = 0x6f72_6467;

const MINE = {
  name: 'prune-lock', text: `SELECT pg_try_advisory_xact_lock(${LOCK}) AS mine`, row: z.object({ mine: z.boolean() }),
};
/** The oldest are at the end of the list's index. Rows are locked by id, in the one order that all writers keep. */
const PRUNE = {
  name: 'prune',
  text: `WITH oldest AS (
      SELECT order_id FROM orders WHERE created_ms < extract(epoch FROM now()) * 1000 - $1::bigint * 86400000
      ORDER BY created_ms, order_id LIMIT ${BATCH}
    ),
    locked AS (SELECT order_id FROM orders WHERE order_id IN (SELECT order_id FROM oldest) ORDER BY order_id FOR UPDATE),
    gone AS (
      DELETE FROM orders USING locked WHERE orders.order_id = locked.order_id
      RETURNING source > 0 AS shown, CASE WHEN payment_id IS NOT NULL THEN 'completed' WHEN failure IS NOT NULL THEN 'failed' ELSE 'pending' END AS status
    ),
    counted AS (
      INSERT INTO order_counts (part, status, count)
      SELECT pg_backend_pid() % ${PARTS}, status, -count(*) FROM gone WHERE shown GROUP BY status ORDER BY status
      ON CONFLICT (part, status) DO UPDATE SET count = order_counts.count + excluded.count
    )
    SELECT count(*)::integer AS gone FROM gone`,
  row: z.object({ gone: z.number() }),
};

/**
 * Deletes orders that were created more than `days` ago, ids that were taken for orders that never came included. Of all replicas one does
 * it at a time, in small transactions.
 */
export const createPruner = ({ database, days, logger }: {
  database: Pick<Database, 'transact'>;
  days: number;
  logger: Pick<Logger, 'info' | 'warn'>;
}) => {
  const stopped = new AbortController();

  const prune = (): Promise<number> => database.transact(async (ask) => {
    const { rows: [lock] } = await ask(MINE);
    if (lock?.mine !== true) return 0;
    const { rows: [row] } = await ask(PRUNE, [days]);
    return row?.gone ?? 0;
  });

  /** All that are old enough now. @returns how many there were */
  const pruneAll = async (): Promise<number> => {
    for (let sum = 0; ;) {
      const gone = await prune();
      sum += gone;
      if (gone < BATCH || stopped.signal.aborted) return sum;
      await sleep(REST_MS);
    }
  };

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        const orders = await pruneAll();
        if (orders > 0) logger.info('old orders deleted', { orders, days });
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        logger.warn('old orders cannot be deleted now', { error });
      }
      await sleep(LOOK_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
    }
  };

  return { pruneAll, start: (): void => void run(), stop: (): void => stopped.abort() };
};
