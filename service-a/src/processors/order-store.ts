import type { LogPosition } from './facts';
import type { OrderEntry, OrderStatus } from './projection';

/** Where an order stands in the list: by the instant of `createdAt` in milliseconds since 1970, then by id. */
export type Place = { readonly time: number; readonly id: string };

export type ListedOrder = { readonly orderId: string; readonly entry: OrderEntry };

export type Counts = Readonly<Record<OrderStatus, number>>;

/** `taken`: the id is taken for this order, and this is the event to publish. `known`: the order is shown already. */
export type Claimed =
  | { readonly kind: 'taken'; readonly eventId: string; readonly timestamp: string }
  | { readonly kind: 'known'; readonly status: OrderStatus }
  | { readonly kind: 'conflict' };

/** The store cannot be asked now. Nothing is known of what it holds: an answer would be a guess. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/** More ids are taken without an acknowledgement than the store will hold; `oldest` has waited longest for a new try. */
export class ClaimsFullError extends Error {
  override readonly name = 'ClaimsFullError';

  constructor(readonly oldest: { orderId: string; text: string; eventId: string; timestamp: string }) {
    super('too many orders are not confirmed by the broker');
  }
}

/** Hears of an order that changed, at once: it should do no more than note it. */
export type OnChange = (orderId: string, status: OrderStatus) => void;

/**
 * Where orders are held: a projection of the log, and the ids that are taken for orders on their way to it. Every method rejects with
 * StoreUnavailableError when the store cannot be asked; ids are lower-case UUIDs.
 */
export type OrderStore = {
  /**
   * Takes an id for an order, given as canonical text, before its event is published. An id that is taken for the same order already gives
   * its event again: every try publishes the same one.
   * @throws ClaimsFullError
   */
  claim: (orderId: string, text: string) => Promise<Claimed>;
  /**
   * The broker holds the claimed event: once this resolves the order is shown, by every replica of the store.
   * @returns what is known of it now: it may be finished already, or the log may have shown another order before
   */
  acknowledge: (orderId: string, position: LogPosition) => Promise<OrderEntry | undefined>;
  /** The last try certainly left nothing on the broker: frees the id, unless an earlier try may have. */
  release: (orderId: string) => Promise<void>;
  /** What is known of an order; undefined for an id that is unknown, or only taken. */
  get: (orderId: string) => Promise<OrderEntry | undefined>;
  /** The same for several at once; those that are unknown are left out. */
  getMany: (orderIds: readonly string[]) => Promise<Map<string, OrderEntry>>;
  /** The orders that can be shown from a place on, newest first, in bounded parts. */
  newestFirst: (after?: Place) => AsyncIterable<readonly ListedOrder[]>;
  /** How many can be shown, by status. */
  counts: () => Promise<Counts>;
};

/** What changes in the store, told by positions in the log: they mean the same on every replica and after a restart. */
export type Changes = {
  onChange: (listener: OnChange) => void;
  /** Changes were missed and will not be told: whoever was told of each has to begin anew. */
  onGap: (listener: () => void) => void;
  /** The next offset of every partition of the topics, as text: what was read before it has been told. */
  position: () => string;
  /**
   * The orders that changed since a position, perhaps with others that did not.
   * @returns undefined when that cannot be told: too long ago, of another log, or no position at all
   */
  since: (position: string) => Promise<Iterable<string> | undefined>;
};
