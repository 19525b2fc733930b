import type { Changes, OrderStore } from '../processors/order-store';

/** Where orders are held, what tells of changes there, and the reader of the log that makes them. */
export type OrderSource = {
  readonly store: OrderStore;
  readonly changes: Changes;
  /** What the store itself needs to do its work, by name. */
  readonly checks: () => Record<string, boolean>;
  readonly log: {
    readonly start: () => void;
    /** Leaves the group. */
    readonly stop: () => Promise<void>;
    /** Joined, and in touch with the broker. */
    readonly healthy: () => boolean;
    /** True from the moment the state is that of the log as it was at the start. */
    readonly caughtUp: () => boolean;
    /** What that took; 0 until then. */
    readonly rebuildSeconds: () => number;
  };
  /** After the last who asks the store. */
  readonly close: () => Promise<void>;
};
