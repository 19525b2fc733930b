import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ChargeResult } from '../processors/gateway';
import { createHistogram } from './histogram';

export type Outcome = 'paid' | 'dead_lettered';

/** What is asked anew at each scrape. */
export type Sources = {
  checks: () => Record<string, boolean>;
  lags: () => readonly { topic: string; partition: number; records: number }[];
  queued: () => Record<string, number>;
};

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCH_RECORDS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/** Other names are counted together, so that no error can make more of them. */
const ERROR_TYPES = ['InvalidOrderError', 'PaymentDeclinedError', 'PaymentConflictError', 'GatewayUnavailableError'];

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

  const requests = new Histogram({
    name: 'http_request_duration_seconds', help: 'Time from the head of a request to its answer.',
    labelNames: ['method', 'route', 'status'], buckets: LATENCY_SECONDS, registers,
  });
  const produced = tallies({ name: 'kafka_records_produced_total', help: 'Records sent, by what became of them.', labelNames: ['topic', 'outcome'] });
  const consumed = tallies({ name: 'kafka_records_consumed_total', help: 'Records with an outcome, by what it is.', labelNames: ['topic', 'outcome'] });
  const batches = new Histogram({
    name: 'kafka_produce_batch_records', help: 'Records of a produce request.', labelNames: ['topic'], buckets: BATCH_RECORDS, registers,
  });
  const produceTime = new Histogram({
    name: 'kafka_produce_duration_seconds', help: 'Time from sending a produce request to its acknowledgement.',
    labelNames: ['topic'], buckets: LATENCY_SECONDS, registers,
  });
  const rebalances = new Counter({ name: 'kafka_consumer_rebalances_total', help: 'Times the consumer joined its group.', registers });
  const restarts = new Counter({ name: 'kafka_consumer_restarts_total', help: 'Times the consumer was built anew.', registers });
  const latency = createHistogram({
    name: 'order_outcome_duration_seconds', help: 'Time from the timestamp of an order\'s record to the acknowledgement of its outcome.',
    bounds: LATENCY_SECONDS,
  });
  const answers = tallies({ name: 'payment_gateway_answers_total', help: 'Answers of the payment gateway.', labelNames: ['answer'] });
  const retries = new Counter({ name: 'payment_retries_total', help: 'Calls of the gateway after the first one for an order.', registers });
  const deadLetters = tallies({ name: 'dead_letters_total', help: 'Orders that were dead-lettered, by type of error.', labelNames: ['error_type'] });

  const answerOf = {
    approved: answers({ answer: 'approved' }), declined: answers({ answer: 'declined' }), unavailable: answers({ answer: 'unavailable' }),
    conflict: answers({ answer: 'conflict' }),
  };
  const deadLettersOf = new Map(ERROR_TYPES.map((name) => [name, deadLetters({ error_type: name })]));
  const otherDeadLetters = deadLetters({ error_type: 'other' });
  const outcomeOf = (outcome: Outcome) => ({ records: consumed({ topic: ordersTopic, outcome }), observe: latency.of({ outcome }) });
  const outcomes = { paid: outcomeOf('paid'), dead_lettered: outcomeOf('dead_lettered') };

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
      requests.observe({ method, route, status }, seconds),
    /** For the publisher of a topic. */
    publishing: (topic: string) => {
      const [acknowledged, failed] = [produced({ topic, outcome: 'acknowledged' }), produced({ topic, outcome: 'failed' })];
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
    /** @param attempt 0 for the first call for an order */
    answered: (answer: ChargeResult['kind'], attempt: number): void => {
      answerOf[answer].count += 1;
      if (attempt > 0) retries.inc();
    },
    /** @param since timestamp of the order's record, in milliseconds since 1970, as text */
    finished: (outcome: Outcome, since: string): void => {
      const { records, observe } = outcomes[outcome];
      records.count += 1;
      observe(Math.max(0, Date.now() - Number(since)) / 1_000);
    },
    deadLettered: (errorType: string): void => {
      (deadLettersOf.get(errorType) ?? otherDeadLetters).count += 1;
    },
    /** Adds the figures that are asked for at each scrape. */
    watch: ({ checks, lags, queued }: Sources): void => {
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
    /** All of it, in Prometheus' text format. */
    text: async (): Promise<string> => `${await registry.metrics()}\n${latency.text()}`,
  };
};
