import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { FoldOutcome } from '../processors/follow-log';
import type { RejectReason } from '../routes/orders';
import { createHistogram } from './histogram';

/** What is asked anew at each scrape. */
export type Sources = {
  checks: () => Record<string, boolean>;
  lags: () => readonly { topic: string; partition: number; records: number }[];
  queued: () => number;
  counts: () => Readonly<Record<string, number>>;
  rebuildSeconds: () => number;
  streams: () => number;
  waiters: () => number;
};

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
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

export type Metrics = ReturnType<typeof createMetrics>;

/** What the service tells Prometheus. Names and units by its conventions; every label has few values. */
export const createMetrics = ({ ordersTopic }: { ordersTopic: string }) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  /** Counters of what happens to every order: counting is an addition, a scrape collects. They begin at 0, as Prometheus' rate() needs. */
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

  const requests = createHistogram({
    name: 'http_request_duration_seconds', help: 'Time from the head of a request to its answer.', bounds: LATENCY_SECONDS,
  });
  const produced = tallies({ name: 'kafka_records_produced_total', help: 'Records sent, by what became of them.', labelNames: ['topic', 'outcome'] });
  const consumed = tallies({ name: 'kafka_records_consumed_total', help: 'Records read, by what they did to the state.', labelNames: ['topic', 'outcome'] });
  const batches = new Histogram({
    name: 'kafka_produce_batch_records', help: 'Records of a produce request.', labelNames: ['topic'], buckets: BATCH_RECORDS, registers,
  });
  const produceTime = new Histogram({
    name: 'kafka_produce_duration_seconds', help: 'Time from sending a produce request to its acknowledgement.',
    labelNames: ['topic'], buckets: LATENCY_SECONDS, registers,
  });
  const rebalances = new Counter({ name: 'kafka_consumer_rebalances_total', help: 'Times the consumer joined its group.', registers });
  const restarts = new Counter({ name: 'kafka_consumer_restarts_total', help: 'Times the consumer was built anew.', registers });
  const rejected = new Counter({
    name: 'orders_rejected_total', help: 'Orders that were posted and not accepted.', labelNames: ['reason'], registers,
  });

  const requestOf = remember((method: string) => remember((route: string) => remember((status: number) =>
    requests.of({ method, route, status: String(status) }))));
  const consumedOf = remember((topic: string) => remember((outcome: FoldOutcome) => consumed({ topic, outcome })));
  const topic = ordersTopic;
  const acknowledgedOrders = produced({ topic, outcome: 'acknowledged' });
  const failedOrders = produced({ topic, outcome: 'failed' });
  const [orderBatches, orderProduceTime] = [batches.labels({ topic }), produceTime.labels({ topic })];

  const gauge = <L extends string>(
    name: string, help: string, labelNames: L[], collect: (set: (value: number, labels: Record<L, string>) => void) => void,
  ) => new Gauge({
    name, help, labelNames, registers,
    collect() {
      this.reset();
      collect((value, labels) => this.set(labels, value));
    },
  });

  return {
    request: (method: string, route: string, status: number, seconds: number): void =>
      requestOf(method)(route)(status)(seconds),
    published: (records: number, seconds: number): void => {
      acknowledgedOrders.count += records;
      orderBatches.observe(records);
      orderProduceTime.observe(seconds);
    },
    publishFailed: (records: number): void => {
      failedOrders.count += records;
    },
    consumed: (fromTopic: string, outcome: FoldOutcome): void => {
      consumedOf(fromTopic)(outcome).count += 1;
    },
    joined: (): void => rebalances.inc(),
    restarted: (): void => restarts.inc(),
    rejected: (reason: RejectReason): void => rejected.inc({ reason }),
    /** Adds the figures that are asked for at each scrape. */
    watch: ({ checks, lags, queued, counts, rebuildSeconds, streams, waiters }: Sources): void => {
      gauge('service_ready', 'Whether the service can do its work.', [], (set) => set(Object.values(checks()).every(Boolean) ? 1 : 0, {}));
      gauge('service_ready_check', 'What it needs for that, one by one.', ['check'], (set) => {
        for (const [check, holds] of Object.entries(checks())) set(holds ? 1 : 0, { check });
      });
      gauge('kafka_consumer_lag_records', 'Records between the committed offset of the group and the end.', ['topic', 'partition'], (set) => {
        for (const { topic: ofTopic, partition, records } of lags()) set(records, { topic: ofTopic, partition: String(partition) });
      });
      gauge('kafka_produce_queue_records', 'Records that wait for a produce request.', ['topic'], (set) => set(queued(), { topic }));
      gauge('orders_held', 'Orders held, by status.', ['status'], (set) => {
        for (const [status, count] of Object.entries(counts())) set(count, { status });
      });
      gauge('state_rebuild_duration_seconds', 'Time the rebuild of the state took; 0 until it is done.', [], (set) => set(rebuildSeconds(), {}));
      gauge('event_streams', 'Open streams of events.', [], (set) => set(streams(), {}));
      gauge('waiting_clients', 'Requests that wait for their order to finish.', [], (set) => set(waiters(), {}));
    },
    contentType: registry.contentType,
    /** All of it, in Prometheus' text format. */
    text: async (): Promise<string> => `${await registry.metrics()}\n${requests.text()}`,
  };
};
