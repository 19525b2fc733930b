/** The value that `share` (0 to 1) of the values do not exceed, by nearest rank. `sorted` is ascending. */
export const percentile = (sorted: ArrayLike<number>, share: number): number | undefined =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];

/** Median and 95th percentile of what is there, in the unit of the values. */
export const spread = (values: Iterable<number>): { median: number | undefined; p95: number | undefined } => {
  const sorted = Float64Array.from(values).sort();
  return { median: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) };
};

/** Counts what happens, and says how often it did per second, over the last `windowMs` milliseconds. */
export const createRate = (windowMs = 5_000) => {
  const slotMs = 100;
  let slots: { from: number; count: number }[] = [];

  return {
    add: (now: number): void => {
      const from = now - now % slotMs;
      const last = slots.at(-1);
      if (last?.from === from) last.count += 1;
      else slots.push({ from, count: 1 });
    },
    perSecond: (now: number): number => {
      slots = slots.filter(({ from }) => from > now - windowMs);
      return slots.reduce((sum, { count }) => sum + count, 0) * 1_000 / windowMs;
    },
  };
};
