import { setMaxListeners } from 'node:events';
import { createWindow, type PartitionWindow } from './window';

/** A partition that this member holds: what it has taken in of it, and what ends that work when it has to give the partition up. */
export type Claim = {
  partition: number;
  window: PartitionWindow;
  ended: AbortController;
  paused: boolean;
  /** Which log it reads, by `logNumberOf`. */
  log: number;
};

/** Keys, values and headers. A dead letter can take eight times as much as its original. */
const WINDOW_BYTES = 8 * 1_024 * 1_024;
/** A full window that moves is load; one that does not move for so long is told. */
const STANDS_AFTER_MS = 10_000;

export type Claims = ReturnType<typeof createClaims>;

/** The partitions of this member, in each of which it takes in so many records beyond the first without an outcome. */
export const createClaims = (maxRecords: number) => {
  const claims = new Map<number, Claim>();

  const claim = (partition: number): Claim => {
    const window = createWindow({ maxRecords, maxBytes: WINDOW_BYTES });
    const claimed = { partition, window, ended: new AbortController(), paused: false, log: 0 };
    // Each order on its way listens to it, and Node takes more than ten for a leak.
    setMaxListeners(0, claimed.ended.signal);
    claims.set(partition, claimed);
    return claimed;
  };

  const release = ({ partition, ended }: Claim, reason: Error): void => {
    claims.delete(partition);
    ended.abort(reason);
  };

  return {
    of: (partition: number): Claim | undefined => claims.get(partition),
    all: (): Claim[] => [...claims.values()],
    /** Takes over an assignment. What is kept goes on undisturbed: no other member had it in between. */
    assign: (partitions: readonly number[]): void => {
      for (const one of [...claims.values()]) {
        if (!partitions.includes(one.partition)) release(one, new Error('the partition was reassigned'));
      }
      for (const partition of partitions) if (!claims.has(partition)) claim(partition);
    },
    /** Begins with a partition anew. */
    renew: (old: Claim, reason: Error): Claim => {
      release(old, reason);
      return claim(old.partition);
    },
    releaseAll: (reason: Error): void => {
      for (const one of [...claims.values()]) release(one, reason);
    },
    /** Partitions whose window is full and does not move. */
    standing: (): number[] => [...claims.values()]
      .filter(({ paused, window }) => paused && window.standsForMs() > STANDS_AFTER_MS)
      .map(({ partition }) => partition),
    pending: (): number => [...claims.values()].reduce((sum, { window }) => sum + window.pending(), 0),
  };
};
