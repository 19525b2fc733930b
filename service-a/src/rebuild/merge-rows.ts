import { statusSql } from '../store/postgres/rows';

/** Whether a row is an order that can be shown. */
const isShown = (row: string): string => `coalesce(${row}.source, 0) > 0`;

/** What there is to say of a row, part by part, and which of two wins: as `applyFact` has it. */
const PARTS = [
  {
    // The log outweighs a dead letter, and that an id that is only taken; of two in the log the first stands.
    columns: ['source', 'text', 'created_at', 'created_ms', 'event_id', 'tries', 'order_partition', 'order_offset'],
    wins: `coalesce(held.source, -1) > coalesce(made.source, -1) OR (held.source > 0 AND held.source = made.source
      AND (held.order_partition, held.order_offset) < (made.order_partition, made.order_offset))`,
  },
  {
    columns: ['payment_id', 'paid_at', 'payment_partition', 'payment_offset'],
    wins: `held.payment_id IS NOT NULL AND (made.payment_id IS NULL
      OR (held.payment_partition, held.payment_offset) < (made.payment_partition, made.payment_offset))`,
  },
  {
    columns: ['failure', 'failure_partition', 'failure_offset'],
    wins: `held.failure IS NOT NULL AND (made.failure IS NULL
      OR (held.failure_partition, held.failure_offset) > (made.failure_partition, made.failure_offset))`,
  },
  { columns: ['attempts'], wins: 'held.attempts > made.attempts' },
];

const COLUMNS = ['order_id', ...PARTS.flatMap(({ columns }) => columns)];

/** Adds to the counts what `changes (status, change)` says. */
const count = (fresh: string, part: number, changes: string): string => `INSERT INTO ${fresh}.order_counts (part, status, count)
  SELECT ${part}, status, sum(change) FROM (${changes}) AS changes GROUP BY status HAVING sum(change) <> 0 ORDER BY status
  ON CONFLICT (part, status) DO UPDATE SET count = order_counts.count + excluded.count`;

/** Counts of what is carried over; writers have parts of their own, so this one waits for none. */
const PART = -1;

/**
 * Statements that take over into fresh tables what only those in use know: rows of orders that the log no longer holds, parts of rows that
 * the log no longer holds, and ids that are taken for orders on their way. What both know stays as the fresh tables have it.
 * @param chosen a condition on the rows `held` of those in use
 */
export const mergeStatements = (live: string, fresh: string, chosen: string): { improve: string; add: string } => {
  const set = PARTS.flatMap(({ columns, wins }) => columns.map((column) => `${column} = CASE WHEN ${wins} THEN held.${column} ELSE made.${column} END`));
  return {
    improve: `WITH pair AS (
        SELECT made.order_id, ${isShown('made')} AS shown, ${statusSql('made')} AS status
        FROM ${live}.orders AS held JOIN ${fresh}.orders AS made USING (order_id)
        WHERE ${chosen} AND (${PARTS.map(({ wins }) => `(${wins})`).join(' OR ')})
      ), after AS (
        UPDATE ${fresh}.orders AS made SET ${set.join(', ')} FROM ${live}.orders AS held JOIN pair USING (order_id)
        WHERE made.order_id = held.order_id
        RETURNING pair.shown AS was_shown, pair.status AS was, ${isShown('made')} AS is_shown, ${statusSql('made')} AS status
      ) ${count(fresh, PART, `SELECT was AS status, -1 AS change FROM after WHERE was_shown
        UNION ALL SELECT status, 1 FROM after WHERE is_shown`)}`,
    add: `WITH added AS (
        INSERT INTO ${fresh}.orders AS made (${COLUMNS.join(', ')})
        SELECT ${COLUMNS.map((column) => `held.${column}`).join(', ')} FROM ${live}.orders AS held
        WHERE ${chosen} AND NOT EXISTS (SELECT FROM ${fresh}.orders AS known WHERE known.order_id = held.order_id)
        RETURNING ${isShown('made')} AS is_shown, ${statusSql('made')} AS status
      ) ${count(fresh, PART, 'SELECT status, 1 AS change FROM added WHERE is_shown')}`,
  };
};
