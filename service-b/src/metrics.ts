import type { ChargeResult } from './processors/gateway';
import { createHistogram } from './utils/histogram';
import { createMeters, forEachOf, LATENCY_SECONDS } from './utils/meters';

export type Outcome = 'paid' | 'dead_lettered';

const OUTCOMES: Record<Outcome, true> = { paid: true, dead_lettered: true };
const ANSWERS: Record<ChargeResult['kind'], true> = { approved: true, declined: true, unavailable: true, conflict: true };
/** Other names are counted together, so that no error can make more of them. */
const ERROR_TYPES = ['InvalidOrderError', 'PaymentDeclinedError', 'PaymentConflictError', 'GatewayUnavailableError'];
/** No order waits longer in a topic that keeps its records for a week: an older time is not that of a posting, such as one in seconds. */
const PLAUSIBLE_SECONDS = 30 * 86_400;

export type Metrics = ReturnType<typeof createMetrics>;

/** What the service tells Prometheus. Every label has few values. */
export const createMetrics = ({ ordersTopic }: { ordersTopic: string }) => {
  const { counter, gauge, tallies, text, ...meters } = createMeters();
  const consumed = tallies({ name: 'kafka_records_consumed_total', help: 'Records with an outcome, by what it is.', labelNames: ['topic', 'outcome'] });
  const latency = createHistogram({
    name: 'order_outcome_duration_seconds', help: 'Time from the timestamp of an order\'s record to the acknowledgement of its outcome.',
    bounds: LATENCY_SECONDS,
  });
  const answers = tallies({ name: 'payment_gateway_answers_total', help: 'Answers of the payment gateway.', labelNames: ['answer'] });
  const retries = counter('payment_retries_total', 'Calls of the gateway after the first one for an order.');
  const deadLetters = tallies({ name: 'dead_letters_total', help: 'Orders that were dead-lettered, by type of error.', labelNames: ['error_type'] });

  const answerOf = forEachOf(ANSWERS, (answer) => answers({ answer }));
  const deadLettersOf = new Map(ERROR_TYPES.map((name) => [name, deadLetters({ error_type: name })]));
  const otherDeadLetters = deadLetters({ error_type: 'other' });
  const outcomes = forEachOf(OUTCOMES, (outcome) => ({
    records: consumed({ topic: ordersTopic, outcome }), observe: latency.of({ outcome }),
  }));

  return {
    ...meters,
    /** @param attempt 0 for the first call for an order */
    answered: (answer: ChargeResult['kind'], attempt: number): void => {
      answerOf[answer].count += 1;
      if (attempt > 0) retries.inc();
    },
    /**
     * @param since timestamp of the order's record, in milliseconds since 1970, as text; what cannot be the time of a posting (-1 for none,
     * one that is yet to come) is counted, but not measured
     */
    finished: (outcome: Outcome, since: string): void => {
      const { records, observe } = outcomes[outcome];
      records.count += 1;
      const seconds = (Date.now() - Number(since)) / 1_000;
      if (seconds >= 0 && seconds <= PLAUSIBLE_SECONDS) observe(seconds);
    },
    deadLettered: (errorType: string): void => {
      (deadLettersOf.get(errorType) ?? otherDeadLetters).count += 1;
    },
    /** @param standing the partitions that stand, asked at each scrape */
    watchPartitions: (standing: () => readonly number[]): void => {
      gauge('kafka_consumer_partition_standing', '1 for a partition that is full of orders none of which ends.', ['topic', 'partition'], (set) => {
        for (const partition of standing()) set(1, { topic: ordersTopic, partition: String(partition) });
      });
    },
    /** All of it, in Prometheus' text format. */
    text: (): Promise<string> => text(latency),
  };
};
