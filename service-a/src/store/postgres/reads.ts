import { z } from 'zod';
import type { Counts, ListedOrder, OrderStore, Place } from '../../processors/order-store';
import type { OrderEntry, OrderStatus } from '../../processors/projection';
import { createBatcher } from './batcher';
import type { Database } from './pool';
import { COLUMNS, entryOf, fullRow, knownOf } from './rows';

const PART = 200;
/** Of the texts of a part, but for one that is longer by itself. */
const PART_BYTES = 1_000_000;

const MANY = { name: 'get-many', text: `SELECT ${COLUMNS}, text FROM orders WHERE order_id = ANY ($1::uuid[])`, row: fullRow };
const listedRow = fullRow.extend({ created_ms: z.string() });
/** The length of a text is known without reading it. */
const NEWEST = {
  name: 'newest-first',
  text: `SELECT ${COLUMNS}, text, created_ms FROM (
      SELECT *, sum(bytes) OVER (ORDER BY created_ms DESC, order_id DESC) - bytes AS before FROM (
        SELECT ${COLUMNS}, text, created_ms, octet_length(text) AS bytes FROM orders
        WHERE (created_ms, order_id) < ($1::bigint, $2::uuid) AND source > 0
        ORDER BY created_ms DESC, order_id DESC LIMIT ${PART}
      ) AS part
    ) AS part WHERE before < ${PART_BYTES} ORDER BY created_ms DESC, order_id DESC`,
  row: listedRow,
};
const COUNTS = {
  name: 'counts',
  text: 'SELECT status, sum(count)::bigint AS count FROM order_counts GROUP BY status',
  row: z.object({ status: z.string(), count: z.string() }),
};

/** Behind every order there can be. */
const TOP = { time: '9223372036854775807', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

export const createReads = (database: Pick<Database, 'ask'>): Pick<OrderStore, 'get' | 'getMany' | 'newestFirst' | 'counts'> => {
  const partAfter = async (after: Place | undefined): Promise<z.output<typeof listedRow>[]> => {
    const { time, id } = after ?? TOP;
    const { rows } = await database.ask(NEWEST, [time, id]);
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

  const read = async (orderIds: readonly string[]): Promise<Map<string, OrderEntry>> => {
    const { rows } = await database.ask(MANY, [orderIds]);
    return new Map(rows.flatMap((row) => {
      const entry = knownOf(row);
      return entry === undefined ? [] : [[row.order_id, entry]];
    }));
  };

  /** A question costs ten times what a row does. */
  const get = createBatcher({
    keyOf: (orderId: string) => orderId,
    charactersOf: () => 1,
    run: async (orderIds) => {
      const entries = await read(orderIds);
      return orderIds.map((orderId) => ({ entry: entries.get(orderId) }));
    },
    size: PART,
    isShared: true,
  });

  return {
    get: async (orderId) => (await get(orderId)).entry,
    getMany: async (orderIds) => {
      const entries = new Map<string, OrderEntry>();
      for (let first = 0; first < orderIds.length; first += PART) {
        for (const [orderId, entry] of await read(orderIds.slice(first, first + PART))) entries.set(orderId, entry);
      }
      return entries;
    },
    newestFirst,
    counts: async (): Promise<Counts> => {
      const { rows } = await database.ask(COUNTS);
      const countOf = (status: OrderStatus): number => Number(rows.find((row) => row.status === status)?.count ?? 0);
      return { pending: countOf('pending'), completed: countOf('completed'), failed: countOf('failed') };
    },
  };
};
