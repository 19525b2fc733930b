import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { LogPosition } from '../../processors/facts';
import type { Claimed, OrderStore } from '../../processors/order-store';
import { statusOf, type OrderStatus } from '../../processors/projection';
import { createBatcher } from './batcher';
import { unavailable } from './errors';
import type { Database, Statement } from './pool';
import { COLUMNS, fullRow, knownOf, PARTS, statusSql } from './rows';

/**
 * Takes the id of a row that is not there or of which only the outcome is known, and joins a claim of the same order: then the event of the
 * first one is given again. The same claim asked for again, after a lost connection, is no further try.
 */
const CLAIM = {
  name: 'claim',
  text: `INSERT INTO orders AS held (order_id, source, text, created_at, created_ms, event_id, tries)
    SELECT order_id, 0, text, created_at, created_ms, event_id, 1
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[]) AS given (order_id, text, created_at, created_ms, event_id)
    ON CONFLICT (order_id) DO UPDATE SET source = 0, text = excluded.text,
      created_at = coalesce(held.created_at, excluded.created_at), created_ms = coalesce(held.created_ms, excluded.created_ms),
      event_id = coalesce(held.event_id, excluded.event_id),
      tries = held.tries + (held.event_id IS DISTINCT FROM excluded.event_id)::integer
    WHERE held.text IS NULL OR (held.source = 0 AND held.text = excluded.text)
    RETURNING order_id, event_id, created_at`,
  row: z.object({ order_id: z.string(), event_id: z.string(), created_at: z.string() }),
};
/** A statement of its own: that of the claim does not see what others wrote since it began. */
const heldRow = z.object({
  order_id: z.string(), source: z.number().nullable(), same: z.boolean().nullable(), paid: z.boolean(), failed: z.boolean(),
});
const HELD = {
  name: 'held',
  text: `SELECT order_id, source, orders.text = given.text AS same, payment_id IS NOT NULL AS paid, failure IS NOT NULL AS failed
    FROM orders JOIN unnest($1::uuid[], $2::text[]) AS given (order_id, text) USING (order_id)`,
  row: heldRow,
};
const HELD_COLUMNS = [...COLUMNS.split(', '), 'text'].map((column) => `orders.${column}`).join(', ');
/** Rows are locked by id, in the one order that all writers keep. What the log showed meanwhile stays as the log has it. */
const ACKNOWLEDGE = {
  name: 'acknowledge',
  text: `WITH locked AS (
      SELECT ${HELD_COLUMNS}, given.partition, given."offset"
      FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS given (order_id, partition, "offset") JOIN orders USING (order_id)
      ORDER BY order_id FOR UPDATE OF orders
    ),
    shown AS (
      UPDATE orders SET source = 2, order_partition = locked.partition, order_offset = locked."offset"
      FROM locked WHERE orders.order_id = locked.order_id AND locked.source = 0
      RETURNING ${HELD_COLUMNS}
    ),
    counted AS (
      INSERT INTO order_counts (part, status, count)
      SELECT pg_backend_pid() % ${PARTS}, status, count(*) FROM (
        SELECT ${statusSql('shown')} AS status FROM shown
      ) AS shown GROUP BY status ORDER BY status
      ON CONFLICT (part, status) DO UPDATE SET count = order_counts.count + excluded.count
    )
    SELECT * FROM shown UNION ALL SELECT ${COLUMNS}, text FROM locked WHERE source > 0`,
  row: fullRow,
};
/** A try less; after the last of them the row goes, or what the claim has put beside the outcome that was there before. */
const RELEASE: Statement = {
  name: 'release',
  text: `WITH locked AS (
      SELECT order_id, tries, payment_id IS NULL AND failure IS NULL AS bare FROM orders
      WHERE order_id = ANY ($1::uuid[]) AND source = 0 ORDER BY order_id FOR UPDATE
    ),
    freed AS (DELETE FROM orders USING locked WHERE orders.order_id = locked.order_id AND locked.tries = 1 AND locked.bare),
    kept AS (
      UPDATE orders SET tries = locked.tries - 1 FROM locked WHERE orders.order_id = locked.order_id AND locked.tries > 1
    )
    UPDATE orders SET source = NULL, text = NULL, created_at = NULL, created_ms = NULL, event_id = NULL, tries = 0
    FROM locked WHERE orders.order_id = locked.order_id AND locked.tries = 1 AND NOT locked.bare`,
};

/** A claim that was freed between two looks at it is asked for again, so often. */
const LOOKS = 5;

type Claim = { readonly orderId: string; readonly text: string; readonly eventId: string; readonly now: number };
type HeldRow = z.output<typeof heldRow>;

const statusOfRow = ({ paid, failed }: HeldRow): OrderStatus => {
  if (paid) return 'completed';
  return failed ? 'failed' : statusOf({});
};

/** @returns undefined when the row is one that can be claimed */
const claimedOf = (row: HeldRow | undefined): Claimed | undefined => {
  if (row === undefined || row.source === null || row.same === null) return undefined;
  if (!row.same) return { kind: 'conflict' };
  return row.source === 0 ? undefined : { kind: 'known', status: statusOfRow(row) };
};

export const createClaims = (database: Pick<Database, 'ask'>): Pick<OrderStore, 'claim' | 'acknowledge' | 'release'> => {
  /** Rows are inserted in the order in which they are given. */
  const take = async (claims: readonly Claim[]): Promise<[orderId: string, claimed: Claimed][]> => {
    const { rows } = await database.ask(CLAIM, [
      claims.map(({ orderId }) => orderId), claims.map(({ text }) => text),
      claims.map(({ now }) => new Date(now).toISOString()), claims.map(({ now }) => now), claims.map(({ eventId }) => eventId),
    ]);
    return rows.map((row) => [row.order_id, { kind: 'taken', eventId: row.event_id, timestamp: row.created_at }]);
  };

  const look = async (claims: readonly Claim[]): Promise<[orderId: string, claimed: Claimed][]> => {
    const { rows } = await database.ask(HELD, [claims.map(({ orderId }) => orderId), claims.map(({ text }) => text)]);
    return rows.flatMap((row) => {
      const claimed = claimedOf(row);
      return claimed === undefined ? [] : [[row.order_id, claimed]];
    });
  };

  const claimAll = async (claims: readonly Claim[]): Promise<{ claimed: Claimed | undefined }[]> => {
    const outcomes = new Map<string, Claimed>();
    const byId = claims.toSorted((one, other) => (one.orderId < other.orderId ? -1 : 1));
    for (let looks = 0; looks < LOOKS && outcomes.size < claims.length; looks += 1) {
      const open = byId.filter(({ orderId }) => !outcomes.has(orderId));
      for (const [orderId, claimed] of await take(open)) outcomes.set(orderId, claimed);
      const others = open.filter(({ orderId }) => !outcomes.has(orderId));
      if (others.length === 0) break;
      for (const [orderId, claimed] of await look(others)) outcomes.set(orderId, claimed);
    }
    return claims.map(({ orderId }) => ({ claimed: outcomes.get(orderId) }));
  };

  const claim = createBatcher({
    keyOf: ({ orderId }: Claim) => orderId, charactersOf: ({ text }) => text.length, run: claimAll,
  });

  const acknowledge = createBatcher({
    keyOf: ({ orderId }: { orderId: string; position: LogPosition }) => orderId,
    charactersOf: () => 1,
    run: async (items) => {
      const { rows } = await database.ask(ACKNOWLEDGE, [
        items.map(({ orderId }) => orderId), items.map(({ position }) => position.partition), items.map(({ position }) => position.offset),
      ]);
      const shown = new Map(rows.map((row) => [row.order_id, knownOf(row)]));
      return items.map(({ orderId }) => ({ entry: shown.get(orderId) }));
    },
  });

  const release = createBatcher({
    keyOf: (orderId: string) => orderId,
    charactersOf: () => 1,
    run: async (orderIds) => {
      // Once: done again it could take back a try that another request has made.
      await database.ask(RELEASE, [orderIds], { once: true });
      return orderIds.map(() => true);
    },
  });

  return {
    claim: async (orderId, text) => {
      const { claimed } = await claim({ orderId, text, eventId: randomUUID(), now: Date.now() });
      if (claimed === undefined) throw unavailable();
      return claimed;
    },
    acknowledge: async (orderId, position) => {
      const { entry } = await acknowledge({ orderId, position });
      // Its claim is gone, as after a database was set back: the log will show it, and until then nobody may say that it is shown.
      if (entry === undefined) throw unavailable();
      return entry;
    },
    release: async (orderId) => {
      await release(orderId);
    },
  };
};
