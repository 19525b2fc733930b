import type { Failure, OrderFact } from '../kafka/messages';
import { createRecordStore } from '../utils/record-store';
import { createSortedIds } from '../utils/sorted-ids';
import { instantOf } from '../utils/timestamp';
import { pack, sourceOfTag, statusOfTag, tagOf, unpack } from './packed-order';

export type OrderStatus = 'pending' | 'completed' | 'failed';

export type KnownOrder = { readonly text: string; readonly createdAt: string; readonly source: 'broker-ack' | 'dead-letter' | 'log' };

/**
 * What is known of one order. The order is held as its canonical JSON text: one string costs a fraction of the object's memory, and
 * two orders are equal when their texts are.
 */
export type OrderEntry = {
  readonly order?: KnownOrder;
  readonly payment?: { readonly paymentId: string; readonly at: string };
  readonly failure?: Failure;
  /** How often it was put up for payment, when more than once. */
  readonly attempts?: number;
};

export const statusOf = (entry: OrderEntry): OrderStatus => {
  if (entry.payment !== undefined) return 'completed';
  return entry.failure === undefined ? 'pending' : 'failed';
};

/** Attempts are counted in the records themselves: the highest number stands, in whatever order they are read. */
const withAttempts = (entry: OrderEntry, attempts: number): OrderEntry =>
  (attempts > (entry.attempts ?? 1) ? { ...entry, attempts } : entry);

/**
 * Folds one fact into what is known. The result depends only on the facts, not on how topics interleave: the first order and the first
 * payment of the log stand, the last failure stands, and a payment outweighs every failure.
 * What was shown before the log delivered it (at the broker's acknowledgement, or from a dead letter) gives way to the log.
 * @returns the same entry when nothing changed
 */
export const applyFact = (entry: OrderEntry, fact: OrderFact, source: 'broker-ack' | 'log' = 'log'): OrderEntry => {
  switch (fact.kind) {
    case 'created': {
      const known = withAttempts(entry, fact.attempts);
      if (known.order?.source === 'log' || (known.order !== undefined && source === 'broker-ack')) return known;
      return { ...known, order: { text: fact.order, createdAt: fact.createdAt, source } };
    }
    case 'paid':
      return entry.payment === undefined ? { ...entry, payment: { paymentId: fact.paymentId, at: fact.at } } : entry;
    case 'failed':
      return {
        ...withAttempts(entry, fact.attempts),
        order: entry.order ?? { text: fact.order, createdAt: fact.createdAt, source: 'dead-letter' },
        failure: fact.failure,
      };
  }
};

/**
 * The order as it is shown, as the text of a JSON object: its canonical text and, behind it, what became of it. Every time comes
 * from a record.
 * @returns undefined while the order itself is unknown, for example when retention cut it and left its payment
 */
export const viewOf = (entry: OrderEntry): string | undefined => {
  const { order, payment, failure, attempts = 1 } = entry;
  if (order === undefined) return undefined;
  const { text, createdAt } = order;
  const updatedAt = payment?.at ?? failure?.failedAt ?? createdAt;
  const outcome = payment === undefined ? { failure } : { paymentId: payment.paymentId };
  return `${text.slice(0, -1)},${JSON.stringify({ status: statusOf(entry), createdAt, updatedAt, attempts, ...outcome }).slice(1)}`;
};

/**
 * The lines in which orders make room, each by time and id: by what the records say and not by when they were read, so that whoever has
 * read the same records holds the same orders. `orphan`: an outcome, the order of which `orders` has not shown, or not shown of late.
 */
type Line = 'pending' | 'finished' | 'orphan';

/** Where an order stands: those without an outcome by their creation, the others by their outcome. */
const placeOf = ({ order, payment, failure }: OrderEntry): { line: Line; time: number } => {
  const outcomeAt = payment?.at ?? failure?.failedAt;
  if (outcomeAt === undefined) return { line: 'pending', time: instantOf(order!.createdAt) };
  return { line: order === undefined || order.source === 'dead-letter' ? 'orphan' : 'finished', time: instantOf(outcomeAt) };
};

/** Outcomes without their orders push out one another alone: of the room for orders they have a tenth, on top of it. */
const ORPHANS_SHARE = 10;

/** Queues of the store: what changes soon, and what does not, is held apart. */
const QUEUES = { pending: 0, finished: 1 };

type Appearance = { time: number; status: OrderStatus };

export type Projection = ReturnType<typeof createProjection>;

/** Hears of an order that changed, at once: it should do no more than note it. */
export type OnChange = (orderId: string, status: OrderStatus) => void;

/**
 * The state of all orders, folded from the topics and held in memory: at most `max` orders and `maxBytes` of them, those that were finished
 * first go first, and orders without an outcome only when nothing else is left.
 * They are held outside the heap (`utils/record-store`): what an order costs does not depend on how many there are.
 */
export const createProjection = ({ max, maxBytes = Infinity }: { max: number; maxBytes?: number }) => {
  const store = createRecordStore({ queues: 2 });
  const lines = { pending: createSortedIds(), finished: createSortedIds(), orphan: createSortedIds() };
  /** Bytes held: of the orders, and of outcomes without one. */
  const bytes: Record<Line, number> = { pending: 0, finished: 0, orphan: 0 };
  /** Ids of the orders that can be shown, by the instant of `createdAt`; and how many there are of each status. */
  const shown = createSortedIds();
  const counts: Record<OrderStatus, number> = { pending: 0, completed: 0, failed: 0 };
  const listeners: OnChange[] = [];

  const get = (orderId: string): OrderEntry | undefined => {
    const location = store.find(orderId);
    return location === 0 ? undefined : unpack(store.text(location), sourceOfTag(store.tag(location)));
  };

  /** How an order appears in list and counts; undefined if it cannot be shown. */
  const appearance = (orderId: string): Appearance | undefined => {
    const location = store.find(orderId);
    if (location === 0 || Number.isNaN(store.time(location))) return undefined;
    return { time: store.time(location), status: statusOfTag(store.tag(location)) };
  };

  const index = (orderId: string, before: Appearance | undefined, after: Appearance | undefined): void => {
    if (before !== undefined) counts[before.status] -= 1;
    if (after !== undefined) counts[after.status] += 1;
    if (before?.time === after?.time) return;
    if (before !== undefined) shown.delete(before.time, orderId);
    if (after !== undefined) shown.add(after.time, orderId);
  };

  const leaveLine = (orderId: string, { line, time }: { line: Line; time: number }): void => {
    lines[line].delete(time, orderId);
    bytes[line] -= store.weight(store.find(orderId));
  };

  const set = (orderId: string, known: OrderEntry | undefined, entry: OrderEntry): void => {
    const before = appearance(orderId);
    if (known !== undefined) leaveLine(orderId, placeOf(known));
    const { order } = entry;
    const status = statusOf(entry);
    const after = order && { time: instantOf(order.createdAt), status };
    const queue = status === 'pending' ? QUEUES.pending : QUEUES.finished;
    store.put(orderId, { queue, tag: tagOf(status, order?.source), time: after?.time ?? NaN, text: pack(entry) });
    index(orderId, before, after);
    const { line, time } = placeOf(entry);
    lines[line].add(time, orderId);
    bytes[line] += store.weight(store.find(orderId));
  };

  /** Forgets the first of a line. */
  const forget = (line: Line): void => {
    const { id, time } = lines[line].first()!;
    leaveLine(id, { line, time });
    index(id, appearance(id), undefined);
    store.remove(id);
  };

  const makeRoom = (): void => {
    while (lines.pending.size() + lines.finished.size() > max || bytes.pending + bytes.finished > maxBytes) {
      forget(lines.finished.size() > 0 ? 'finished' : 'pending');
    }
    while (lines.orphan.size() * ORPHANS_SHARE >= max + ORPHANS_SHARE || bytes.orphan * ORPHANS_SHARE > maxBytes) forget('orphan');
  };

  return {
    /** @returns the order's status if the fact changed what is known of it */
    apply: (fact: OrderFact, source: 'broker-ack' | 'log' = 'log'): OrderStatus | undefined => {
      const { orderId } = fact;
      const before = get(orderId);
      const after = applyFact(before ?? {}, fact, source);
      if (after === before) return undefined;
      set(orderId, before, after);
      makeRoom();
      const status = statusOf(after);
      for (const listener of listeners) listener(orderId, status);
      return status;
    },
    /**
     * Notes that what was applied at the broker's acknowledgement was met in the log, unchanged.
     * @returns false when something else is known of the order, so that the record has to be applied
     */
    confirm: (orderId: string): boolean => {
      const location = store.find(orderId);
      if (location === 0 || sourceOfTag(store.tag(location)) !== 'broker-ack') return false;
      store.setTag(location, tagOf(statusOfTag(store.tag(location)), 'log'));
      return true;
    },
    get,
    size: store.size,
    /** Ids of the orders that can be shown, from the newest to the oldest: by the instant of `createdAt`, then by id. */
    newestFirst: shown.backwards,
    /** How many orders can be shown, by status. */
    counts: (): Readonly<Record<OrderStatus, number>> => counts,
    onChange: (listener: OnChange): void => void listeners.push(listener),
  };
};
