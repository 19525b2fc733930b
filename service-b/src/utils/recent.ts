const BUCKET_MS = 5_000;
const BUCKETS = 60;

/** Counts what happened in the last five minutes, to five seconds. */
export const createRecent = <K extends string>(kinds: readonly K[], now: () => number = Date.now) => {
  const none = (): Record<K, number> => Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<K, number>;
  let buckets: { at: number; counts: Record<K, number> }[] = [];
  const bucketNow = (): number => Math.floor(now() / BUCKET_MS);

  return {
    count: (kind: K): void => {
      const at = bucketNow();
      let last = buckets.at(-1);
      if (last?.at !== at) {
        buckets.push(last = { at, counts: none() });
        if (buckets.length > BUCKETS) buckets.shift();
      }
      last.counts[kind] += 1;
    },
    /** How many of each. */
    counts: (): Record<K, number> => {
      const since = bucketNow() - BUCKETS;
      buckets = buckets.filter(({ at }) => at > since);
      const sums = none();
      for (const { counts } of buckets) for (const kind of kinds) sums[kind] += counts[kind];
      return sums;
    },
  };
};
