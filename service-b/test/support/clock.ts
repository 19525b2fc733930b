/** What stands in for `node:timers/promises` where jest's clock is used: that replaces the global timers alone. */
export const setTimeout = (ms: number): Promise<void> => new Promise((resolve) => void globalThis.setTimeout(resolve, ms));

export const setImmediate = (): Promise<void> => new Promise((resolve) => void globalThis.setImmediate(resolve));

/** Lets time pass on jest's clock. */
export const pass = async (ms: number): Promise<void> => {
  await jest.advanceTimersByTimeAsync(ms);
};

/** Lets time pass until `condition` holds; rejects when it does not in time. */
export const passUntil = async (condition: () => boolean, ms = 10_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`still not so after ${ms} ms: ${condition.toString()}`);
    await pass(1);
  }
};

/** Lets time pass until it is settled. */
export const passWhile = async <T>(work: Promise<T>): Promise<T> => {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  work.then(settle, settle);
  await passUntil(() => settled, 60_000);
  return work;
};
