import type { Failure, Order, Status } from './order.ts';

/** Where an order stands in the list: the newest first by the instant of `createdAt`, then by `orderId` descending. */
export type Rank = { at: number; orderId: string };

export type Row = {
  readonly at: number;
  readonly orderId: string;
  readonly order: Order;
  /** Milliseconds from creation to completion, of a completed order. */
  readonly took: number | undefined;
  /** Failures that later news replaced, the oldest first, as far as they were seen here. */
  readonly past: readonly Failure[];
};

export type Filter = Status | 'all';

/** A row and when it was last heard of, in ticks of the store. */
type Held = { row: Row; told: number; seen: number };

const PAST_MAX = 20;

/** Below zero when `a` comes before `b` in the list. */
const compare = (a: Rank, b: Rank): number => b.at - a.at || (a.orderId < b.orderId ? 1 : a.orderId > b.orderId ? -1 : 0);

/** The place of `rank` in `rows`, or the place where it would be. */
export const placeOf = (rows: readonly Rank[], rank: Rank): number => {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(rows[middle]!, rank) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
};

const pastOf = (before: Row | undefined, { failure }: Order): readonly Failure[] => {
  const replaced = before?.order.failure;
  if (before === undefined || replaced === undefined || replaced.failedAt === failure?.failedAt) return before?.past ?? [];
  return [...before.past, replaced].slice(-PAST_MAX);
};

const rowOf = (order: Order, before: Row | undefined): Row => {
  const at = Date.parse(order.createdAt);
  const took = order.status === 'completed' ? Math.max(0, Date.parse(order.updatedAt) - at) : undefined;
  return { at, orderId: order.orderId, order, took, past: pastOf(before, order) };
};

const hasFinished = (before: Order | undefined, order: Order): boolean =>
  order.status !== 'pending' && (before?.status !== order.status || before.updatedAt !== order.updatedAt);

export type Store = ReturnType<typeof createStore>;

/**
 * The newest `max` orders, merged from two sources: events, whose word stands, and pages of the list, which may be older than an event
 * that came while they were on their way.
 */
export const createStore = ({ max }: { max: number }) => {
  const held = new Map<string, Held>();
  let ranked: Row[] = [];
  let tick = 0;
  let version = 0;
  let listed: { version: number; filter: Filter; rows: readonly Row[] } = { version: -1, filter: 'all', rows: [] };

  /**
   * @param told the tick at which an event told this; -1 when no event did
   * @returns what was known of the order before
   */
  const put = (order: Order, told: number): Held | undefined => {
    const before = held.get(order.orderId);
    const row = rowOf(order, before?.row);
    if (before?.row.at === row.at) ranked[placeOf(ranked, row)] = row;
    else {
      if (before !== undefined) ranked.splice(placeOf(ranked, before.row), 1);
      ranked.splice(placeOf(ranked, row), 0, row);
    }
    held.set(order.orderId, { row, told, seen: tick });
    if (ranked.length > max) held.delete(ranked.pop()!.orderId);
    version += 1;
    return before;
  };

  return {
    /** Now, in ticks: what is told by events from here on is newer. */
    mark: (): number => tick += 1,
    /**
     * Takes an event.
     * @returns whether it says that the order has finished
     */
    apply: (order: Order): boolean => hasFinished(put(order, tick)?.row.order, order),
    /** Takes a page that was asked for at `asked`; of an order that an event told of since then, the event's word stands. */
    merge: (orders: readonly Order[], asked: number): void => {
      for (const order of orders) {
        if ((held.get(order.orderId)?.told ?? -1) < asked) put(order, -1);
      }
    },
    /** Drops what was not heard of since `asked`: once the whole list was read, that is no longer there. */
    sweep: (asked: number): void => {
      for (const [orderId, { seen }] of held) {
        if (seen < asked) held.delete(orderId);
      }
      ranked = ranked.filter(({ orderId }) => held.has(orderId));
      version += 1;
    },
    get: (orderId: string): Row | undefined => held.get(orderId)?.row,
    /** The rows of one state or of all, the newest first; the same array until something changes. */
    list: (filter: Filter): readonly Row[] => {
      if (listed.version !== version || listed.filter !== filter) {
        const rows = ranked.filter(({ order }) => filter === 'all' || order.status === filter);
        listed = { version, filter, rows };
      }
      return listed.rows;
    },
  };
};
