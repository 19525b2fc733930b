const escaped = (value: string): string => value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

/**
 * A Prometheus histogram for what happens to every order: prom-client's looks its labels up at each observation, which costs
 * fifty times as much.
 * @param bounds upper bounds of the buckets, ascending; the last bucket, +Inf, goes without saying
 */
export const createHistogram = <L extends string>({ name, help, bounds }: { name: string; help: string; bounds: readonly number[] }) => {
  const series: { labels: string; counts: Float64Array; sum: number }[] = [];

  const linesOf = ({ labels, counts, sum }: (typeof series)[number]): string[] => {
    let count = 0;
    const buckets = [...bounds, '+Inf'].map((bound, at) => `${name}_bucket{le="${bound}",${labels}} ${count += counts[at]!}`);
    return [...buckets, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${count}`];
  };

  return {
    /** @returns what takes the observations under these labels */
    of: (labels: Record<L, string>): ((value: number) => void) => {
      const text = Object.entries<string>(labels).map(([label, value]) => `${label}="${escaped(value)}"`).join(',');
      const one = { labels: text, counts: new Float64Array(bounds.length + 1), sum: 0 };
      series.push(one);
      return (value) => {
        let at = 0;
        while (at < bounds.length && value > bounds[at]!) at += 1;
        one.counts[at]! += 1;
        one.sum += value;
      };
    },
    /** In Prometheus' text format. */
    text: (): string => [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...series.flatMap(linesOf), ''].join('\n'),
  };
};
