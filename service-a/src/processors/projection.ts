import type { Failure, OrderFact } from '../kafka/messages';
import { createFifo } from '../utils/fifo';
import { createSortedIds } from '../utils/sorted-ids';

export type OrderStatus = 'pending' | 'completed' | 'failed';

type KnownOrder = { readonly text: string; readonly createdAt: string; readonly source: 'broker-ack' | 'dead-letter' | 'log' };

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
 * A finished order as one string, its fields as JSON before its text. Millions are held: one string each costs half the memory of the
 * objects, and the garbage collector passes it by where it would follow ten pointers.
 */
const pack = ({ order, ...rest }: OrderEntry): string => {
  const packed = `${JSON.stringify({ ...rest, ...(order && { createdAt: order.createdAt, source: order.source }) })}\n${order?.text ?? ''}`;
  // Joins the parts, which V8 would hold side by side otherwise.
  packed.charCodeAt(0);
  return packed;
};

type PackedFields = Omit<OrderEntry, 'order'> & Partial<Omit<KnownOrder, 'text'>>;

const unpack = (packed: string): OrderEntry => {
  const end = packed.indexOf('\n');
  const { createdAt, source, ...rest } = JSON.parse(packed.slice(0, end)) as PackedFields;
  return createdAt === undefined || source === undefined ? rest : { order: { text: packed.slice(end + 1), createdAt, source }, ...rest };
};

export type Projection = ReturnType<typeof createProjection>;

/** Hears of an order that changed, at once: it should do no more than note it. */
export type OnChange = (orderId: string, status: OrderStatus) => void;

const SHARDS = 256;

/**
 * The state of all orders, folded from the topics and held in memory: at most `max` orders, the oldest finished ones go first.
 * They are spread over many small Maps: one Map of a million entries stops the process for a quarter of a second when it grows.
 */
export const createProjection = ({ max }: { max: number }) => {
  const shards = Array.from({ length: SHARDS }, () => new Map<string, OrderEntry | string>());
  /** Ids in the order in which they were first heard of, and in which they finished. May name an id that is gone, or twice. */
  const arrived = createFifo<string>();
  const finished = createFifo<string>();
  /** Ids of the orders that can be shown, by the instant of `createdAt`; and how many there are of each status. */
  const shown = createSortedIds();
  const counts: Record<OrderStatus, number> = { pending: 0, completed: 0, failed: 0 };
  const listeners: OnChange[] = [];
  let held = 0;

  const shardOf = (orderId: string): Map<string, OrderEntry | string> => shards[Number.parseInt(orderId.slice(-2), 16)]!;
  const get = (orderId: string): OrderEntry | undefined => {
    const stored = shardOf(orderId).get(orderId);
    return typeof stored === 'string' ? unpack(stored) : stored;
  };
  const set = (orderId: string, entry: OrderEntry): void =>
    void shardOf(orderId).set(orderId, statusOf(entry) === 'pending' ? entry : pack(entry));

  const isFinished = (orderId: string): boolean => typeof shardOf(orderId).get(orderId) === 'string';

  const index = (orderId: string, before: OrderEntry | undefined, after: OrderEntry | undefined): void => {
    if (before?.order !== undefined) counts[statusOf(before)] -= 1;
    if (after?.order !== undefined) counts[statusOf(after)] += 1;
    const [was, is] = [before?.order?.createdAt, after?.order?.createdAt];
    if (was === is) return;
    if (was !== undefined) shown.delete(Date.parse(was), orderId);
    if (is !== undefined) shown.add(Date.parse(is), orderId);
  };

  const drop = (orderId: string): void => {
    const entry = get(orderId);
    if (!shardOf(orderId).delete(orderId)) return;
    held -= 1;
    index(orderId, entry, undefined);
  };

  const evict = (): void => {
    while (held > max && finished.size() > 0) {
      const id = finished.shift()!;
      if (isFinished(id)) drop(id);
    }
    while (held > max) drop(arrived.shift()!);
    if (arrived.size() > 2 * max + 10_000) arrived.filter((id) => get(id) !== undefined);
  };

  return {
    /** @returns the order's status if the fact changed what is known of it */
    apply: (fact: OrderFact, source: 'broker-ack' | 'log' = 'log'): OrderStatus | undefined => {
      const { orderId } = fact;
      const before = get(orderId);
      const after = applyFact(before ?? {}, fact, source);
      if (after === before) return undefined;
      set(orderId, after);
      const status = statusOf(after);
      if (before === undefined) {
        held += 1;
        arrived.push(orderId);
      }
      if (status !== 'pending' && (before === undefined || statusOf(before) === 'pending')) finished.push(orderId);
      index(orderId, before, after);
      evict();
      for (const listener of listeners) listener(orderId, status);
      return status;
    },
    /**
     * Notes that what was applied at the broker's acknowledgement was met in the log, unchanged.
     * @returns false when something else is known of the order, so that the record has to be applied
     */
    confirm: (orderId: string): boolean => {
      const entry = get(orderId);
      if (entry?.order?.source !== 'broker-ack') return false;
      set(orderId, { ...entry, order: { ...entry.order, source: 'log' } });
      return true;
    },
    get,
    size: (): number => held,
    /** Ids of the orders that can be shown, from the newest to the oldest: by the instant of `createdAt`, then by id. */
    newestFirst: shown.backwards,
    /** How many orders can be shown, by status. */
    counts: (): Readonly<Record<OrderStatus, number>> => counts,
    onChange: (listener: OnChange): void => void listeners.push(listener),
  };
};
