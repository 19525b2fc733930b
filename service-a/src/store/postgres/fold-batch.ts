import { applyFact, statusOf, type OrderEntry, type OrderStatus } from '../../processors/projection';
import type { Batch, ChangedOrder } from '../../processors/tables';

/** An order that a batch changed; `before` is undefined where there was no row. */
export type Folded = { readonly orderId: string; readonly before: OrderEntry | undefined; readonly after: OrderEntry };

export type FoldedBatch = {
  /** Rows to write, by id: every writer takes rows in this order, so that none waits for another in a circle. */
  readonly written: readonly Folded[];
  /** Orders to tell of, with the last record that changed each, or confirmed what was shown at the broker's acknowledgement. */
  readonly changed: readonly ChangedOrder[];
  /** By how much the number of orders that are shown changes, by status. */
  readonly counts: ReadonlyMap<OrderStatus, number>;
};

/** The broker's acknowledgement told of this very record: nothing is new in it, but it had not been told to those who listen. */
const isConfirmed = ({ order }: OrderEntry, kind: string, partition: number, offset: string): boolean =>
  kind === 'created' && order?.source === 'log' && order.position.partition === partition && order.position.offset === offset;

const byId = (one: { orderId: string }, other: { orderId: string }): number => (one.orderId < other.orderId ? -1 : 1);

const countShown = (counts: Map<OrderStatus, number>, entry: OrderEntry | undefined, by: number): void => {
  if (entry?.order === undefined) return;
  const status = statusOf(entry);
  counts.set(status, (counts.get(status) ?? 0) + by);
};

/**
 * What batches, taken together, make of the orders that they are about.
 * @param known what the tables hold of them; the entry of an id that is only taken is empty
 */
export const foldBatches = (batches: readonly Pick<Batch, 'partition' | 'facts'>[], known: ReadonlyMap<string, OrderEntry>): FoldedBatch => {
  const entries = new Map<string, OrderEntry>();
  const changedAt = new Map<string, string>();
  for (const { partition, facts } of batches) {
    for (const { offset, fact } of facts) {
      const { orderId } = fact;
      const entry = entries.get(orderId) ?? known.get(orderId) ?? {};
      const after = applyFact(entry, fact, { partition, offset });
      if (after !== entry) entries.set(orderId, after);
      if (after !== entry || isConfirmed(entry, fact.kind, partition, offset)) changedAt.set(orderId, offset);
    }
  }

  const written = [...entries].map(([orderId, after]) => ({ orderId, before: known.get(orderId), after })).sort(byId);
  const counts = new Map<OrderStatus, number>();
  for (const { before, after } of written) {
    countShown(counts, before, -1);
    countShown(counts, after, 1);
  }
  const changed = [...changedAt].map(([orderId, offset]) =>
    ({ orderId, offset, status: statusOf(entries.get(orderId) ?? known.get(orderId) ?? {}) }));
  return { written, changed, counts };
};
