import type { Failure, LogPosition, OrderFact } from './facts';

export type OrderStatus = 'pending' | 'completed' | 'failed';

/** The order itself: from `orders` (`log`, also at the broker's acknowledgement), or from the original in a dead letter. */
export type KnownOrder = { readonly text: string; readonly createdAt: string; readonly source: 'dead-letter' | 'log'; readonly position: LogPosition };

/**
 * What is known of one order, and where in the log each part of it stands. The order is held as its canonical JSON text: one string costs
 * a fraction of the object's memory, and two orders are equal when their texts are.
 */
export type OrderEntry = {
  readonly order?: KnownOrder | undefined;
  readonly payment?: { readonly paymentId: string; readonly at: string; readonly position: LogPosition } | undefined;
  readonly failure?: (Failure & { readonly position: LogPosition }) | undefined;
  /** How often it was put up for payment, when more than once. */
  readonly attempts?: number | undefined;
};

export const statusOf = (entry: OrderEntry): OrderStatus => {
  if (entry.payment !== undefined) return 'completed';
  return entry.failure === undefined ? 'pending' : 'failed';
};

/** Negative when one lies before the other: by partition, then by offset, which is decimal text without leading zeros. */
const compare = (one: LogPosition, other: LogPosition): number => {
  if (one.partition !== other.partition) return one.partition - other.partition;
  if (one.offset.length !== other.offset.length) return one.offset.length - other.offset.length;
  if (one.offset === other.offset) return 0;
  return one.offset < other.offset ? -1 : 1;
};

// Entries are put together field by field here: a spread costs several times as much, and these are made for every record.

/** Attempts are counted in the records themselves: the highest number stands, in whatever order they are read. */
const withAttempts = (entry: OrderEntry, attempts: number): OrderEntry =>
  (attempts > (entry.attempts ?? 1) ? { order: entry.order, payment: entry.payment, failure: entry.failure, attempts } : entry);

/** The first in the log stands, and the log outweighs a dead letter. */
const withOrder = (entry: OrderEntry, order: KnownOrder): OrderEntry => {
  const known = entry.order;
  const stands = known !== undefined
    && (known.source === order.source ? compare(known.position, order.position) <= 0 : known.source === 'log');
  return stands ? entry : { order, payment: entry.payment, failure: entry.failure, attempts: entry.attempts };
};

/**
 * Folds the fact of the record at `position` of its topic into what is known. The result depends only on the facts and on where they stand,
 * not on when they are read: the first order and the first payment of the log stand, the last failure stands, and a payment outweighs every
 * failure.
 * @returns the same entry when nothing changed
 */
export const applyFact = (entry: OrderEntry, fact: OrderFact, position: LogPosition): OrderEntry => {
  switch (fact.kind) {
    case 'created':
      return withOrder(withAttempts(entry, fact.attempts), { text: fact.order, createdAt: fact.createdAt, source: 'log', position });
    case 'paid':
      if (entry.payment !== undefined && compare(entry.payment.position, position) <= 0) return entry;
      return {
        order: entry.order, payment: { paymentId: fact.paymentId, at: fact.at, position }, failure: entry.failure, attempts: entry.attempts,
      };
    case 'failed': {
      const order: KnownOrder = { text: fact.order, createdAt: fact.createdAt, source: 'dead-letter', position };
      const known = withOrder(withAttempts(entry, fact.attempts), order);
      if (known.failure !== undefined && compare(known.failure.position, position) >= 0) return known;
      const { type, message, retryCount, failedAt } = fact.failure;
      return {
        order: known.order, payment: known.payment, failure: { type, message, retryCount, failedAt, position }, attempts: known.attempts,
      };
    }
  }
};
