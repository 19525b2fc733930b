import type { LogPosition, OrderFact } from '../processors/facts';
import type { OnChange, OrderStore } from '../processors/order-store';
import { applyFact, statusOf, type OrderEntry, type OrderStatus } from '../processors/projection';
import { instantOf } from '../utils/timestamp';
import { createClaims } from './memory-claims';
import { createSortedList } from './sorted-list';

/**
 * The lines in which orders make room, each by time and id: by what the records say and not by when they were read, so that whoever has
 * read the same records holds the same orders. `orphan`: an outcome, the order of which `orders` has not shown, or not shown of late.
 */
type Line = 'pending' | 'finished' | 'orphan';

/** One order. Times are in milliseconds since 1970, NaN while there is none. */
type Row = { readonly orderId: string; entry: OrderEntry; createdAt: number; finishedAt: number; bytes: number };

/** Outcomes without their orders push out one another alone: of the room for orders they have a tenth, on top of it. */
const ORPHANS_SHARE = 10;
/** What an order takes beside its texts, about. */
const ROW_BYTES = 1_000;
/** Orders that a list looks at in one go. */
const PART = 100;

const UNKNOWN: OrderEntry = {};

const lineOf = ({ order, payment, failure }: OrderEntry): Line => {
  if (payment === undefined && failure === undefined) return 'pending';
  return order === undefined || order.source === 'dead-letter' ? 'orphan' : 'finished';
};

/** V8 holds a text in one byte a character, or in two when one of them needs it. */
const heldBytes = (text = ''): number => (Buffer.byteLength(text) === text.length ? text.length : 2 * text.length);

const bytesOf = ({ order, payment, failure }: OrderEntry): number => ROW_BYTES
  + heldBytes(order?.text) + heldBytes(order?.createdAt) + heldBytes(payment?.at)
  + heldBytes(failure?.type) + heldBytes(failure?.message) + heldBytes(failure?.failedAt);

export type MemoryStore = ReturnType<typeof createMemoryStore>;

/**
 * Orders in a Map, folded from the topics: at most `max` of them and `maxBytes` of memory, about. Those that were finished first go first,
 * and orders without an outcome only when nothing else is left.
 */
export const createMemoryStore = ({ max, maxBytes = Infinity, claimsMax = Infinity, claimsMaxBytes = Infinity }: {
  max: number;
  maxBytes?: number;
  /** Ids that may be taken without an acknowledgement, and bytes of their orders. */
  claimsMax?: number;
  claimsMaxBytes?: number;
}) => {
  const rows = new Map<string, Row>();
  const claims = createClaims({ max: claimsMax, maxBytes: claimsMaxBytes });
  const finished = (row: Row): number => row.finishedAt;
  const created = (row: Row): number => row.createdAt;
  const lines = { pending: createSortedList(created), finished: createSortedList(finished), orphan: createSortedList(finished) };
  const bytes: Record<Line, number> = { pending: 0, finished: 0, orphan: 0 };
  /** Orders that can be shown, and how many of each status. */
  const shown = createSortedList(created);
  const counts: Record<OrderStatus, number> = { pending: 0, completed: 0, failed: 0 };
  /** Shown at the broker's acknowledgement, and not met in the log yet. */
  const unmet = new Set<string>();
  const listeners: OnChange[] = [];

  /** Takes a row out of where it stands by its times and its status, to change or to forget it. */
  const removeFromLists = (row: Row, keepsPlace: boolean): void => {
    const line = lineOf(row.entry);
    lines[line].delete(row);
    bytes[line] -= row.bytes;
    if (row.entry.order === undefined) return;
    counts[statusOf(row.entry)] -= 1;
    if (!keepsPlace) shown.delete(row);
  };

  const addToLists = (row: Row, keepsPlace: boolean): void => {
    const line = lineOf(row.entry);
    lines[line].add(row);
    bytes[line] += row.bytes;
    if (row.entry.order === undefined) return;
    counts[statusOf(row.entry)] += 1;
    if (!keepsPlace) shown.add(row);
  };

  const set = (orderId: string, known: Row | undefined, entry: OrderEntry): void => {
    const { order, payment, failure } = entry;
    const row = known ?? { orderId, entry: UNKNOWN, createdAt: NaN, finishedAt: NaN, bytes: 0 };
    const { entry: before } = row;
    const keepsPlace = order === before.order;
    if (known === undefined) rows.set(orderId, row);
    else removeFromLists(row, keepsPlace);
    row.entry = entry;
    row.bytes = bytesOf(entry);
    if (!keepsPlace && order !== undefined) row.createdAt = instantOf(order.createdAt);
    const finishedAt = payment?.at ?? failure?.failedAt;
    if (finishedAt !== undefined && (payment !== before.payment || failure !== before.failure)) row.finishedAt = instantOf(finishedAt);
    addToLists(row, keepsPlace);
  };

  const forget = (line: Line): void => {
    const row = lines[line].first()!;
    removeFromLists(row, false);
    rows.delete(row.orderId);
    unmet.delete(row.orderId);
  };

  const makeRoom = (): void => {
    while (lines.pending.size() + lines.finished.size() > max || bytes.pending + bytes.finished > maxBytes) {
      forget(lines.finished.size() > 0 ? 'finished' : 'pending');
    }
    while (lines.orphan.size() * ORPHANS_SHARE >= max + ORPHANS_SHARE || bytes.orphan * ORPHANS_SHARE > maxBytes) forget('orphan');
  };

  const fold = (fact: OrderFact, position: LogPosition): OrderStatus | undefined => {
    const { orderId } = fact;
    const row = rows.get(orderId);
    const before = row?.entry ?? UNKNOWN;
    const after = applyFact(before, fact, position);
    if (after === before) return undefined;
    set(orderId, row, after);
    if (after.order?.source === 'log') claims.drop(orderId);
    makeRoom();
    const status = statusOf(after);
    for (const listener of listeners) listener(orderId, status);
    return status;
  };

  const get = (orderId: string): OrderEntry | undefined => rows.get(orderId)?.entry;

  const port: OrderStore = {
    claim: async (orderId, text) => {
      const entry = get(orderId);
      if (entry?.order !== undefined) return entry.order.text === text ? { kind: 'known', status: statusOf(entry) } : { kind: 'conflict' };
      const claim = claims.take(orderId, text);
      return claim === undefined ? { kind: 'conflict' } : { kind: 'taken', eventId: claim.eventId, timestamp: claim.timestamp };
    },
    acknowledge: async (orderId, position) => {
      const claim = claims.get(orderId);
      // Without one the log was quicker.
      if (claim !== undefined) {
        unmet.add(orderId);
        fold({ kind: 'created', orderId, order: claim.text, createdAt: claim.timestamp, attempts: 1 }, position);
      }
      return get(orderId);
    },
    release: async (orderId) => claims.release(orderId),
    get: async (orderId) => get(orderId),
    getMany: async (orderIds) => {
      const entries = new Map<string, OrderEntry>();
      for (const orderId of orderIds) {
        const entry = get(orderId);
        if (entry !== undefined) entries.set(orderId, entry);
      }
      return entries;
    },
    newestFirst: async function* (after) {
      for (let place = after; ;) {
        const part = shown.before(place, PART);
        const last = part.at(-1);
        if (last === undefined) return;
        yield part.map(({ orderId, entry }) => ({ orderId, entry }));
        place = { time: last.createdAt, id: last.orderId };
      }
    },
    counts: async () => ({ ...counts }),
  };

  return {
    ...port,
    /**
     * Folds what a record of the log says.
     * @returns the order's status if that changed what is known of it
     */
    apply: (fact: OrderFact, position: LogPosition): OrderStatus | undefined => {
      if (fact.kind === 'created') unmet.delete(fact.orderId);
      return fold(fact, position);
    },
    /**
     * Meets the record of an order that was shown at its acknowledgement: there is nothing to read in it.
     * @returns false when what is known of the order is not of this record
     */
    confirm: (orderId: string, partition: number, offset: string): boolean => {
      if (!unmet.has(orderId)) return false;
      const position = get(orderId)?.order?.position;
      return position?.offset === offset && position.partition === partition && unmet.delete(orderId);
    },
    /** Orders that were shown at their acknowledgement, and that the log has not delivered yet. */
    unmet: (): Iterable<string> => unmet,
    onChange: (listener: OnChange): void => void listeners.push(listener),
  };
};
