import type { OrderEntry, OrderStatus } from '../../processors/projection';
import type { Counts, ListedOrder, OrderStore, Place } from '../order-store';
import type { Database, Statement } from './pool';
import { COLUMNS, entryOf, type OrderRow } from './rows';

type FullRow = OrderRow & { text: string | null };

const PART = 200;
/** Of the texts of a part, but for one that is longer by itself. */
const PART_BYTES = 1_000_000;

const ONE: Statement = { name: 'get', text: `SELECT ${COLUMNS}, text FROM orders WHERE order_id = $1` };
const MANY: Statement = { name: 'get-many', text: `SELECT ${COLUMNS}, text FROM orders WHERE order_id = ANY ($1::uuid[])` };
/** The length of a text is known without reading it. */
const NEWEST: Statement = {
  name: 'newest-first',
  text: `SELECT ${COLUMNS}, text, created_ms FROM (
      SELECT *, sum(bytes) OVER (ORDER BY created_ms DESC, order_id DESC) - bytes AS before FROM (
        SELECT ${COLUMNS}, text, created_ms, octet_length(text) AS bytes FROM orders
        WHERE (created_ms, order_id) < ($1::bigint, $2::uuid) AND source > 0
        ORDER BY created_ms DESC, order_id DESC LIMIT ${PART}
      ) AS part
    ) AS part WHERE before < ${PART_BYTES} ORDER BY created_ms DESC, order_id DESC`,
};
const COUNTS: Statement = { name: 'counts', text: 'SELECT status, sum(count)::bigint AS count FROM order_counts GROUP BY status' };

/** Behind every order there can be. */
const TOP = { time: '9223372036854775807', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

/** @returns undefined for an id that is only taken */
const knownOf = (row: FullRow): OrderEntry | undefined => {
  const entry = entryOf(row, row.text ?? '');
  return Object.keys(entry).length === 0 ? undefined : entry;
};

export const createReads = (database: Pick<Database, 'ask'>): Pick<OrderStore, 'get' | 'getMany' | 'newestFirst' | 'counts'> => {
  const partAfter = async (after: Place | undefined): Promise<FullRow[]> => {
    // A place may come from a client: what is no whole number of milliseconds is between two.
    const time = after === undefined ? TOP.time : Math.ceil(after.time).toString();
    const { rows } = await database.ask<FullRow>(NEWEST, [time, after?.id ?? TOP.id]);
    return rows;
  };

  const newestFirst = async function* (after?: Place): AsyncGenerator<readonly ListedOrder[]> {
    for (let place = after; ;) {
      const rows = await partAfter(place);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map((row) => ({ orderId: row.order_id, entry: entryOf(row, row.text ?? '') }));
      place = { time: Number(last.created_ms), id: last.order_id };
    }
  };

  return {
    get: async (orderId) => {
      const { rows: [row] } = await database.ask<FullRow>(ONE, [orderId]);
      return row && knownOf(row);
    },
    getMany: async (orderIds) => {
      const entries = new Map<string, OrderEntry>();
      for (let first = 0; first < orderIds.length; first += PART) {
        const { rows } = await database.ask<FullRow>(MANY, [orderIds.slice(first, first + PART)]);
        for (const row of rows) {
          const entry = knownOf(row);
          if (entry !== undefined) entries.set(row.order_id, entry);
        }
      }
      return entries;
    },
    newestFirst,
    counts: async (): Promise<Counts> => {
      const { rows } = await database.ask<{ status: string; count: string }>(COUNTS);
      const countOf = (status: OrderStatus): number => Number(rows.find((row) => row.status === status)?.count ?? 0);
      return { pending: countOf('pending'), completed: countOf('completed'), failed: countOf('failed') };
    },
  };
};
