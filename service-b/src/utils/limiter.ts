/** Lets at most `max` calls run at a time; the others wait their turn, first come first served. */
export const createLimiter = (max: number) => {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async <T>(call: () => Promise<T>): Promise<T> => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await call();
    } finally {
      // The place is handed over, so that nobody slips in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
};
