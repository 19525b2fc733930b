import { whenAborted } from './when-aborted';

export type Gate = ReturnType<typeof createGate>;

/** Holds those who wait at it until it opens. */
export const createGate = () => {
  const waiting = new Set<() => void>();

  return {
    /** Resolves when it opens next; rejects with the reason of `signal` when that aborts first. */
    wait: (signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const pass = (): void => {
        forget();
        resolve();
      };
      const forget = whenAborted(signal, () => {
        waiting.delete(pass);
        reject(signal.reason as Error);
      });
      waiting.add(pass);
    }),
    open: (): void => {
      for (const pass of waiting) pass();
      waiting.clear();
    },
    /** How many wait. */
    size: (): number => waiting.size,
  };
};
