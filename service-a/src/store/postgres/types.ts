import type { Changes, OrderStore } from '../../processors/order-store';
import type { ApplyBatch, StartPartition, StoredPosition } from '../../processors/tables';

/** Changes are kept for about so many offsets of a partition. */
export const CHANGES_KEPT = 5_000n;

export type PoolFigures = { readonly pool: string; readonly open: number; readonly idle: number; readonly waiting: number };

/** Hears of what a database costs. */
export type Watch = {
  /** A batch was applied, with so many facts, in so many seconds. */
  onBatch?: (seconds: number, facts: number) => void;
  /** Retention had cut the log before so many records could be read. */
  onJump?: (topic: string, records: bigint) => void;
};

export type PostgresStore = {
  readonly store: OrderStore;
  readonly changes: Changes;
  readonly applyBatch: ApplyBatch;
  readonly startPartition: StartPartition;
  /** Of every partition whose reading has ever started, topic by topic, as of at most about a second ago. */
  readonly positions: () => readonly StoredPosition[];
  /** Whether the database answered lately and its tables are those of this code. */
  readonly healthy: () => boolean;
  readonly pools: () => readonly PoolFigures[];
  /** Resolves once the tables are there, however long that takes; until then everything rejects with StoreUnavailableError. */
  readonly start: () => Promise<void>;
  /** Ends its connections once what is being asked was answered. */
  readonly stop: () => Promise<void>;
};

/** In the order in which positions name them. */
export type Topics = { readonly orders: string; readonly payments: string; readonly deadLetters: string };
