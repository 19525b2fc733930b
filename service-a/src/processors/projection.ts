import type { Failure, Order, OrderFact } from '../kafka/messages';
import { createFifo } from '../utils/fifo';

export type OrderStatus = 'pending' | 'completed' | 'failed';

/** An order as `GET /orders/:id` shows it. Every time comes from a record. */
export type OrderView = Order & {
  status: OrderStatus;
  createdAt: string;
  updatedAt: string;
  paymentId?: string;
  failure?: Failure;
};

/**
 * What is known of one order. The order is held as its canonical JSON text: one string costs a fraction of the object's memory, and
 * two orders are equal when their texts are.
 */
export type OrderEntry = {
  readonly order?: { readonly text: string; readonly createdAt: string; readonly source: 'broker-ack' | 'dead-letter' | 'log' };
  readonly payment?: { readonly paymentId: string; readonly at: string };
  readonly failure?: Failure;
};

export const statusOf = (entry: OrderEntry): OrderStatus => {
  if (entry.payment !== undefined) return 'completed';
  return entry.failure === undefined ? 'pending' : 'failed';
};

/**
 * Folds one fact into what is known. The result depends only on the facts, not on how topics interleave: the first order and the first
 * payment of the log stand, the last failure stands, and a payment outweighs every failure.
 * What was shown before the log delivered it (at the broker's acknowledgement, or from a dead letter) gives way to the log.
 * @returns the same entry when nothing changed
 */
export const applyFact = (entry: OrderEntry, fact: OrderFact, source: 'broker-ack' | 'log' = 'log'): OrderEntry => {
  switch (fact.kind) {
    case 'created':
      if (entry.order?.source === 'log' || (entry.order !== undefined && source === 'broker-ack')) return entry;
      return { ...entry, order: { text: fact.order, createdAt: fact.createdAt, source } };
    case 'paid':
      return entry.payment === undefined ? { ...entry, payment: { paymentId: fact.paymentId, at: fact.at } } : entry;
    case 'failed':
      return {
        ...entry,
        order: entry.order ?? { text: fact.order, createdAt: fact.createdAt, source: 'dead-letter' },
        failure: fact.failure,
      };
  }
};

/** @returns undefined while the order itself is unknown, for example when retention cut it and left its payment */
export const viewOf = (entry: OrderEntry): OrderView | undefined => {
  if (entry.order === undefined) return undefined;
  const { text, createdAt } = entry.order;
  const status = statusOf(entry);
  const order = JSON.parse(text) as Order;
  if (entry.payment !== undefined) return { ...order, status, createdAt, updatedAt: entry.payment.at, paymentId: entry.payment.paymentId };
  if (entry.failure !== undefined) return { ...order, status, createdAt, updatedAt: entry.failure.failedAt, failure: entry.failure };
  return { ...order, status, createdAt, updatedAt: createdAt };
};

export type Projection = ReturnType<typeof createProjection>;

const SHARDS = 256;

/**
 * The state of all orders, folded from the topics and held in memory: at most `max` orders, the oldest finished ones go first.
 * They are spread over many small Maps: one Map of a million entries stops the process for a quarter of a second when it grows.
 */
export const createProjection = ({ max }: { max: number }) => {
  const shards = Array.from({ length: SHARDS }, () => new Map<string, OrderEntry>());
  /** Ids in the order in which they were first heard of, and in which they finished. May name an id that is gone, or twice. */
  const arrived = createFifo<string>();
  const finished = createFifo<string>();
  let held = 0;

  const shardOf = (orderId: string): Map<string, OrderEntry> => shards[Number.parseInt(orderId.slice(-2), 16)]!;
  const get = (orderId: string): OrderEntry | undefined => shardOf(orderId).get(orderId);

  const isFinished = (orderId: string): boolean => {
    const entry = get(orderId);
    return entry !== undefined && statusOf(entry) !== 'pending';
  };

  const drop = (orderId: string): void => {
    if (shardOf(orderId).delete(orderId)) held -= 1;
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
      const before = get(fact.orderId);
      const after = applyFact(before ?? {}, fact, source);
      if (after === before) return undefined;
      shardOf(fact.orderId).set(fact.orderId, after);
      const status = statusOf(after);
      if (before === undefined) {
        held += 1;
        arrived.push(fact.orderId);
      }
      if (status !== 'pending' && (before === undefined || statusOf(before) === 'pending')) finished.push(fact.orderId);
      evict();
      return status;
    },
    /**
     * Notes that what was applied at the broker's acknowledgement was met in the log, unchanged.
     * @returns false when something else is known of the order, so that the record has to be applied
     */
    confirm: (orderId: string): boolean => {
      const entry = get(orderId);
      if (entry?.order?.source !== 'broker-ack') return false;
      shardOf(orderId).set(orderId, { ...entry, order: { ...entry.order, source: 'log' } });
      return true;
    },
    get,
    size: (): number => held,
  };
};
