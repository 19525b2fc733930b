const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when `signal` aborts. All who wait for one signal share one listener: Node looks through its listeners, one by one, for each
 * that is added or removed, and thousands of orders may wait for the same signal.
 * @param signal not aborted yet
 * @returns what takes the callback away
 */
export const whenAborted = (signal: AbortSignal, callback: () => void): () => void => {
  let callbacks = callbacksOf.get(signal);
  if (callbacks === undefined) {
    const all = callbacks = new Set<() => void>();
    callbacksOf.set(signal, all);
    signal.addEventListener('abort', () => {
      for (const one of all) one();
    }, { once: true });
  }
  const added = callbacks.add(callback);
  return () => void added.delete(callback);
};

/** Resolves after `ms`; rejects with the reason of `signal` when that aborts first. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
  signal.throwIfAborted();
  const timer = setTimeout(() => {
    forget();
    resolve();
  }, ms);
  const forget = whenAborted(signal, () => {
    clearTimeout(timer);
    reject(signal.reason as Error);
  });
});
