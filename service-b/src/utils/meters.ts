import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createHistogram } from './histogram';

/** What both services are asked at each scrape. */
export type CommonSources = {
  checks: () => Record<string, boolean>;
  lags: () => readonly { topic: string; partition: number; records: number }[];
  /** Records that wait for a produce request, by topic. */
  queued: () => Record<string, number>;
};

export const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_RECORDS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Remembers what is made for each value of a label: looking a metric's child up by its labels costs more than counting. */
const remember = <K, T>(make: (key: K) => T): ((key: K) => T) => {
  const made = new Map<K, T>();
  return (key) => {
    let one = made.get(key);
    if (one === undefined) made.set(key, one = make(key));
    return one;
  };
};

/** An object with a value for each key of another one. */
export const forEachOf = <K extends string, T>(keys: Record<K, unknown>, make: (key: K) => T): Record<K, T> =>
  Object.fromEntries((Object.keys(keys) as K[]).map((key) => [key, make(key)])) as Record<K, T>;

/** The metrics that both services have, and what the others are made with. Names and units by Prometheus' conventions. */
export const createMeters = () => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });

  /**
   * Counters of what happens to every order: counting is an addition, a scrape collects. They begin at 0, as Prometheus' rate() needs, so
   * every series is made at the start: a first count that is the first value of its series is an increase that nobody sees.
   */
  const tallies = <L extends string>(options: { name: string; help: string; labelNames: L[] }) => {
    const all: { labels: Record<L, string>; count: number }[] = [];
    new Counter({
      ...options,
      registers,
      collect() {
        for (const tally of all) {
          this.inc(tally.labels, tally.count);
          tally.count = 0;
        }
      },
    });
    return (labels: Record<L, string>) => {
      const tally = { labels, count: 0 };
      all.push(tally);
      return tally;
    };
  };

  /** A figure that is asked for at each scrape. */
  const gauge = <L extends string>(
    name: string, help: string, labelNames: L[], collect: (set: (value: number, labels: Record<L, string>) => void) => void | Promise<void>,
  ): void => {
    new Gauge({
      name, help, labelNames, registers,
      collect() {
        this.reset();
        return collect((value, labels) => this.set(labels, value));
      },
    });
  };

  const histogram = (name: string, help: string, buckets: number[]): Histogram => new Histogram({ name, help, buckets, registers });

  const requests = createHistogram({
    name: 'http_request_duration_seconds', help: 'Time from the head of a request to its answer.', bounds: LATENCY_SECONDS,
  });
  const requestOf = remember((method: string) => remember((route: string) => remember((status: number) =>
    requests.of({ method, route, status: String(status) }))));
  const produced = tallies({ name: 'kafka_records_produced_total', help: 'Records sent, by what became of them.', labelNames: ['topic', 'outcome'] });
  const batches = new Histogram({
    name: 'kafka_produce_batch_records', help: 'Records of a produce request.', labelNames: ['topic'], buckets: BATCH_RECORDS, registers,
  });
  const produceTime = new Histogram({
    name: 'kafka_produce_duration_seconds', help: 'Time from sending a produce request to its acknowledgement.',
    labelNames: ['topic'], buckets: LATENCY_SECONDS, registers,
  });
  const rebalances = counter('kafka_consumer_rebalances_total', 'Times the consumer joined its group.');
  const restarts = counter('kafka_consumer_restarts_total', 'Times the consumer was built anew.');

  return {
    counter,
    tallies,
    gauge,
    histogram,
    /** Series by method, route and status come with the first request of their kind: of most combinations there will never be one. */
    request: (method: string, route: string, status: number, seconds: number): void => requestOf(method)(route)(status)(seconds),
    /** For the publisher of a topic. */
    publishing: (topic: string) => {
      const [acknowledged, failed] = [produced({ topic, outcome: 'acknowledged' }), produced({ topic, outcome: 'failed' })];
      batches.zero({ topic });
      produceTime.zero({ topic });
      const [records, time] = [batches.labels({ topic }), produceTime.labels({ topic })];
      return {
        onSent: (count: number, seconds: number): void => {
          acknowledged.count += count;
          records.observe(count);
          time.observe(seconds);
        },
        onFailed: (count: number): void => {
          failed.count += count;
        },
      };
    },
    joined: (): void => rebalances.inc(),
    restarted: (): void => restarts.inc(),
    watch: ({ checks, lags, queued }: CommonSources): void => {
      gauge('service_ready', 'Whether the service can do its work.', [], (set) => set(Object.values(checks()).every(Boolean) ? 1 : 0, {}));
      gauge('service_ready_check', 'What it needs for that, one by one.', ['check'], (set) => {
        for (const [check, holds] of Object.entries(checks())) set(holds ? 1 : 0, { check });
      });
      gauge('kafka_consumer_lag_records', 'Records between the committed offset of the group and the end.', ['topic', 'partition'], (set) => {
        for (const { topic, partition, records } of lags()) set(records, { topic, partition: String(partition) });
      });
      gauge('kafka_produce_queue_records', 'Records that wait for a produce request.', ['topic'], (set) => {
        for (const [topic, records] of Object.entries(queued())) set(records, { topic });
      });
    },
    contentType: registry.contentType,
    /** All of it, and the histograms that are not prom-client's, in Prometheus' text format. */
    text: async (...more: { text: () => string }[]): Promise<string> =>
      [await registry.metrics(), ...[requests, ...more].map((histogram) => histogram.text())].join('\n'),
  };
};
