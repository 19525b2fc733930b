import { ProblemError, UnreachableError } from './http.ts';

/** Resolves after `ms` milliseconds, rejects when `signal` aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
  const stop = (): void => {
    clearTimeout(timer);
    reject(signal.reason as Error);
  };
  const timer = setTimeout(() => {
    signal.removeEventListener('abort', stop);
    resolve();
  }, ms);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
});

/** Milliseconds to wait after so many failures in a row: 1 s, doubling up to 10 s. */
export const backoffMs = (failures: number): number => Math.min(10_000, 1_000 * 2 ** failures);

/** How long to wait before the next try; undefined if that would end the same way. */
const delayOf = (error: unknown, failures: number): number | undefined => {
  if (error instanceof UnreachableError) return backoffMs(failures);
  const passes = error instanceof ProblemError && (error.status >= 500 || error.status === 429);
  return passes ? error.retryAfterMs ?? backoffMs(failures) : undefined;
};

/**
 * Does `work` until it succeeds: after an answer of 5xx or 429 it waits as long as `Retry-After` says, or with backoff, as it does when
 * the service cannot be reached. `onWait` hears of each wait. Throws what another try would not mend, and when `signal` aborts.
 */
export const patiently = async <T>(
  work: () => Promise<T>, { signal, tries = Infinity, onWait = () => undefined }: {
    signal: AbortSignal; tries?: number; onWait?: (ms: number) => void;
  },
): Promise<T> => {
  for (let failures = 0; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      const ms = delayOf(error, failures);
      if (ms === undefined || failures + 1 >= tries) throw error;
      onWait(ms);
      await pause(ms, signal);
    }
  }
};
