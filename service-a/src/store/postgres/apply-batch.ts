import { z } from 'zod';
import type { OrderEntry } from '../../processors/projection';
import { BATCH_MAX, type ApplyBatch, type Batch, type BatchResult, type ChangedOrder } from '../../processors/tables';
import { instantOf } from '../../utils/timestamp';
import { StaleReadError } from './errors';
import { foldBatches, type Folded, type FoldedBatch } from './fold-batch';
import type { Ask, Database, Statement, Values } from './pool';
import { COLUMNS, entryOf, failureText, orderRow, PARTS, sourceOf } from './rows';
import { CHANGES_KEPT, type Watch } from './types';

/** Changes are dropped in steps: each drop leaves dead entries in an index. */
const CHANGES_STEP = 1_000n;

export const CHANNEL = 'orders_changed';

export const ADVANCE: Statement = {
  name: 'advance',
  text: `UPDATE projection_offsets SET next_offset = $4, changes_from = greatest(changes_from, $5)
    WHERE topic = $1 AND partition = $2 AND next_offset = $3`,
};
const POSITION = {
  name: 'position',
  text: 'SELECT next_offset FROM projection_offsets WHERE topic = $1 AND partition = $2',
  row: z.object({ next_offset: z.string() }),
};
export const READ = { name: 'read', text: `SELECT ${COLUMNS} FROM orders WHERE order_id = ANY ($1::uuid[])`, row: orderRow };
const LOCK = { name: 'lock', text: `${READ.text} ORDER BY order_id FOR UPDATE`, row: orderRow };

/** What is written of an order, and the type of each. NULL leaves what is there. */
const WRITTEN = {
  order_id: 'uuid', source: 'smallint', text: 'text', created_at: 'text', created_ms: 'bigint', order_partition: 'integer',
  order_offset: 'bigint', payment_id: 'uuid', paid_at: 'text', payment_partition: 'integer', payment_offset: 'bigint', failure: 'text',
  failure_partition: 'integer', failure_offset: 'bigint', attempts: 'integer',
};
const names = Object.keys(WRITTEN);
// unnest: one text, and so one plan, for a batch of any size.
const given = `unnest(${Object.values(WRITTEN).map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) AS given (${names.join(', ')})`;

const INSERT: Statement = {
  name: 'insert-orders',
  text: `INSERT INTO orders (${names.join(', ')}) SELECT ${names.slice(0, -1).join(', ')}, coalesce(attempts, 1) FROM ${given}
    ON CONFLICT (order_id) DO NOTHING`,
};
const UPDATE: Statement = {
  name: 'update-orders',
  text: `UPDATE orders SET ${names.slice(1).map((column) => `${column} = coalesce(given.${column}, orders.${column})`).join(', ')}
    FROM ${given} WHERE orders.order_id = given.order_id`,
};
const NOTE: Statement = {
  name: 'note-changes',
  text: `INSERT INTO order_changes (topic, partition, "offset", order_id)
    SELECT $1, $2, * FROM unnest($3::bigint[], $4::uuid[])
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET order_id = excluded.order_id`,
};
const FORGET: Statement = {
  name: 'forget-changes', text: 'DELETE FROM order_changes WHERE topic = $1 AND partition = $2 AND "offset" < $3',
};
const COUNT: Statement = {
  name: 'count',
  text: `INSERT INTO order_counts (part, status, count) SELECT pg_backend_pid() % ${PARTS}, * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (part, status) DO UPDATE SET count = order_counts.count + excluded.count`,
};
const NOTIFY: Statement = { name: 'notify', text: `SELECT pg_notify('${CHANNEL}', '')` };

/** One value a column of WRITTEN. What the batch left as it was is not written again: an order's text is most of its row. */
const rowOf = ({ orderId, before, after }: Folded): (string | number | null)[] => {
  const order = after.order === before?.order ? undefined : after.order;
  const payment = after.payment === before?.payment ? undefined : after.payment;
  const failure = after.failure === before?.failure ? undefined : after.failure;
  return [
    orderId,
    order ? sourceOf(order) : null, order?.text ?? null, order?.createdAt ?? null, order ? instantOf(order.createdAt) : null,
    order?.position.partition ?? null, order?.position.offset ?? null,
    payment?.paymentId ?? null, payment?.at ?? null, payment?.position.partition ?? null, payment?.position.offset ?? null,
    failure ? failureText(failure) : null, failure?.position.partition ?? null, failure?.position.offset ?? null,
    after.attempts ?? null,
  ];
};

/** A column of nothing but NULL is left out: unnest fills it up. */
const columnsOf = (written: readonly Folded[]): Values => {
  const rows = written.map(rowOf);
  return names.map((_, column) => (rows.some((row) => row[column] !== null) ? rows.map((row) => row[column] ?? null) : []));
};

export const write = async (ask: Ask, written: readonly Folded[]): Promise<void> => {
  const [added, changed] = [written.filter(({ before }) => before === undefined), written.filter(({ before }) => before !== undefined)];
  if (added.length > 0) {
    const { count } = await ask(INSERT, columnsOf(added));
    if (count !== added.length) throw new StaleReadError('another writer was first with a row');
  }
  if (changed.length > 0) await ask(UPDATE, columnsOf(changed));
};

export const addCounts = async (ask: Ask, counts: FoldedBatch['counts']): Promise<void> => {
  // Sorted, since these rows too are shared with other writers.
  const statuses = [...counts.keys()].filter((status) => counts.get(status) !== 0).sort();
  if (statuses.length > 0) await ask(COUNT, [statuses, statuses.map((status) => counts.get(status) ?? 0)]);
};

/** Keeps which records of a batch changed which orders, for those who come back. */
export const noteChanges = async (
  ask: Ask, { topic, partition }: Batch, changed: readonly Pick<ChangedOrder, 'orderId' | 'offset'>[],
): Promise<void> => {
  await ask(NOTE, [topic, partition, changed.map(({ offset }) => offset), changed.map(({ orderId }) => orderId)]);
};

const tell = async (ask: Ask, batch: Batch, { changed, counts }: FoldedBatch): Promise<void> => {
  if (changed.length === 0) return;
  await noteChanges(ask, batch, changed);
  await addCounts(ask, counts);
  await ask(NOTIFY);
};

/** The fold compares positions, and never looks into an order's text. */
const NOT_READ = '';

export const knownOf = async (ask: Ask, statement: typeof READ, facts: Batch['facts']): Promise<Map<string, OrderEntry>> => {
  const { rows } = await ask(statement, [[...new Set(facts.map(({ fact }) => fact.orderId))]]);
  return new Map(rows.map((row) => [row.order_id, entryOf(row, NOT_READ)]));
};

/**
 * Rows that a batch changes are locked before they are read. Orders alone, most of which this service has placed and shown itself, seldom
 * change a row that is there: they are looked at first, since locking writes to each row. What stands in the log before them stays before.
 */
const foldIn = async (ask: Ask, batch: Batch): Promise<FoldedBatch> => {
  if (batch.facts.every(({ fact }) => fact.kind === 'created')) {
    const folded = foldBatches([batch], await knownOf(ask, READ, batch.facts));
    if (folded.written.every(({ before }) => before === undefined)) return folded;
  }
  return foldBatches([batch], await knownOf(ask, LOCK, batch.facts));
};

const stepOf = (offset: bigint): bigint => (offset - CHANGES_KEPT) / CHANGES_STEP;

export const createApplyBatch = (database: Pick<Database, 'transact'>, { onBatch }: Watch = {}): ApplyBatch => {
  const apply = async (ask: Ask, batch: Batch): Promise<BatchResult> => {
    const { topic, partition, from, to, facts } = batch;
    const [step, stepBefore] = [stepOf(BigInt(to)), stepOf(BigInt(from))];
    const forgotten = step > 0n ? step * CHANGES_STEP : 0n;
    // The fence: whoever reads on after another took over finds the position moved, and writes nothing.
    const { count } = await ask(ADVANCE, [topic, partition, from, to, forgotten.toString()]);
    if (count !== 1) {
      const { rows: [row] } = await ask(POSITION, [topic, partition]);
      return { kind: 'overtaken', next: row?.next_offset };
    }
    if (step > stepBefore && step > 0n) await ask(FORGET, [topic, partition, forgotten.toString()]);
    if (facts.length === 0) return { kind: 'applied', changed: [] };
    const folded = await foldIn(ask, batch);
    await write(ask, folded.written);
    await tell(ask, batch, folded);
    return { kind: 'applied', changed: folded.changed };
  };

  return async (batch) => {
    if (batch.facts.length > BATCH_MAX) throw new RangeError(`a batch has at most ${BATCH_MAX} facts`);
    const startedAt = performance.now();
    const result = await database.transact((ask) => apply(ask, batch));
    if (result.kind === 'applied') onBatch?.((performance.now() - startedAt) / 1_000, batch.facts.length);
    return result;
  };
};
