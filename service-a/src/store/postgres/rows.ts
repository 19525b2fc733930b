import { z } from 'zod';
import type { LogPosition } from '../../processors/facts';
import type { KnownOrder, OrderEntry } from '../../processors/projection';

/** Where an order is known from, as the tables have it. */
export const CLAIM = 0;
const SOURCES = { 'dead-letter': 1, 'log': 2 } as const;

/** Writers of several connections add to counts of their own. */
export const PARTS = 16;

/** Of each order but its text, which is often not needed. */
export const COLUMNS = 'order_id, source, created_at, order_partition, order_offset, payment_id, paid_at, payment_partition, payment_offset, '
  + 'failure, failure_partition, failure_offset, attempts';

/** The status of a row, in SQL, as `statusOf` has it. */
export const statusSql = (row: string): string =>
  `CASE WHEN ${row}.payment_id IS NOT NULL THEN 'completed' WHEN ${row}.failure IS NOT NULL THEN 'failed' ELSE 'pending' END`;

const bigint = z.string().nullable();
const text = z.string().nullable();
const integer = z.number().nullable();

/** What the migrations say of these columns. */
export const orderRow = z.object({
  order_id: z.string(),
  source: integer,
  created_at: text,
  order_partition: integer,
  order_offset: bigint,
  payment_id: text,
  paid_at: text,
  payment_partition: integer,
  payment_offset: bigint,
  failure: text,
  failure_partition: integer,
  failure_offset: bigint,
  attempts: z.number(),
});
export const fullRow = orderRow.extend({ text });

type OrderRow = z.output<typeof orderRow>;
export type FullRow = z.output<typeof fullRow>;

const failureSchema = z.object({ type: z.string(), message: z.string(), retryCount: z.number(), failedAt: z.string() });

const positionOf = (partition: number | null, offset: string | null): LogPosition | undefined =>
  (partition === null || offset === null ? undefined : { partition, offset });

/** An id that is only taken is no order. */
const orderOf = (row: OrderRow, text: string): KnownOrder | undefined => {
  const position = positionOf(row.order_partition, row.order_offset);
  if (row.source === null || row.source === CLAIM || row.created_at === null || position === undefined) return undefined;
  return { text, createdAt: row.created_at, source: row.source === SOURCES.log ? 'log' : 'dead-letter', position };
};

const paymentOf = (row: OrderRow): OrderEntry['payment'] => {
  const position = positionOf(row.payment_partition, row.payment_offset);
  return row.payment_id === null || row.paid_at === null || position === undefined
    ? undefined
    : { paymentId: row.payment_id, at: row.paid_at, position };
};

const failureOf = (row: OrderRow): OrderEntry['failure'] => {
  const position = positionOf(row.failure_partition, row.failure_offset);
  return row.failure === null || position === undefined ? undefined : { ...failureSchema.parse(JSON.parse(row.failure)), position };
};

/**
 * What a row says of its order.
 * @param text of the order, where it is read
 */
export const entryOf = (row: OrderRow, text: string): OrderEntry => ({
  order: orderOf(row, text),
  payment: paymentOf(row),
  failure: failureOf(row),
  attempts: row.attempts > 1 ? row.attempts : undefined,
});

/** @returns undefined for an id that is only taken */
export const knownOf = (row: FullRow): OrderEntry | undefined => {
  const entry = entryOf(row, row.text ?? '');
  return entry.order ?? entry.payment ?? entry.failure ? entry : undefined;
};

export const sourceOf = ({ source }: KnownOrder): number => SOURCES[source];

export const failureText = ({ type, message, retryCount, failedAt }: NonNullable<OrderEntry['failure']>): string =>
  JSON.stringify({ type, message, retryCount, failedAt });
