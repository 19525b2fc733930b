import type { OrderFact } from './facts';
import type { OrderStatus } from './projection';

// The tables that the log is applied to, as its reader sees them.

/** What was read of one partition: its records from `from` to before `to`, and what they say, if anything. At most BATCH_MAX facts. */
export type Batch = {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  /** In the order of the log. */
  readonly facts: readonly { readonly offset: string; readonly fact: OrderFact }[];
};

export const BATCH_MAX = 500;

export type ChangedOrder = { readonly orderId: string; readonly status: OrderStatus; readonly offset: string };

/**
 * `overtaken`: nothing was changed, since the partition does not stand at `from` (another reader was first, or an earlier try of this very
 * batch came through): `next` is where to go on, undefined where reading has never started.
 */
export type BatchResult =
  | { readonly kind: 'applied'; readonly changed: readonly ChangedOrder[] }
  | { readonly kind: 'overtaken'; readonly next: string | undefined };

/**
 * Folds a batch into the tables and moves the partition's position, both or neither. Safe to repeat, and repeated here where a conflict or
 * a lost connection ended it.
 * @throws StoreUnavailableError when the database cannot be asked: the batch may have been applied, and may be given again
 */
export type ApplyBatch = (batch: Batch) => Promise<BatchResult>;

/**
 * What a partition has to read, as the broker says: its first offset, and the one behind its last.
 * @returns the offset to read from
 * @throws StoreUnavailableError
 */
export type StartPartition = (start: {
  readonly topic: string;
  readonly partition: number;
  readonly low: string;
  /** Leave it out where it is not certain: a position beyond it is taken for that of a topic that was deleted and made anew. */
  readonly high?: string;
}) => Promise<string>;

/** How far a partition was read, and from where on its changes are known. */
export type StoredPosition = {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
  readonly changesFrom: bigint;
};
