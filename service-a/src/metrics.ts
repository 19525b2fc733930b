import { createDatabaseMetrics } from './database-metrics';
import type { FoldOutcome } from './kafka/read-record';
import type { RejectReason } from './routes/orders';
import { createMeters, forEachOf, type CommonSources } from './utils/meters';

/** What is asked anew at each scrape. */
export type Sources = Omit<CommonSources, 'queued'> & {
  queued: () => number;
  counts: () => Promise<Readonly<Record<string, number>>>;
  rebuildSeconds: () => number;
  streams: () => number;
  waiters: () => number;
};

const REASONS: Record<RejectReason, true> = {
  invalid: true, conflict: true, queue_full: true, broker_unavailable: true, store_unavailable: true, rebuilding: true,
};
const OUTCOMES: Record<FoldOutcome, true> = { applied: true, unchanged: true, unreadable: true };

export type Metrics = ReturnType<typeof createMetrics>;

/** What the service tells Prometheus. Every label has few values. */
export const createMetrics = ({ ordersTopic, readTopics = [ordersTopic] }: {
  ordersTopic: string;
  /** All that are read. */
  readTopics?: string[];
}) => {
  const { publishing, watch, gauge, tallies, histogram, ...meters } = createMeters();
  const orders = publishing(ordersTopic);
  const consumed = tallies({ name: 'kafka_records_consumed_total', help: 'Records read, by what they did to the state.', labelNames: ['topic', 'outcome'] });
  const consumedOf = new Map(readTopics.map((topic) => [topic, forEachOf(OUTCOMES, (outcome) => consumed({ topic, outcome }))]));
  const rejected = tallies({ name: 'orders_rejected_total', help: 'Orders that were posted and not accepted.', labelNames: ['reason'] });
  const rejectedOf = forEachOf(REASONS, (reason) => rejected({ reason }));

  return {
    ...meters,
    /** Of the database, where there is one. */
    database: () => createDatabaseMetrics({ topics: readTopics, gauge, tallies, histogram }),
    published: orders.onSent,
    publishFailed: orders.onFailed,
    consumed: (topic: string, outcome: FoldOutcome): void => {
      const tally = consumedOf.get(topic)?.[outcome];
      if (tally !== undefined) tally.count += 1;
    },
    rejected: (reason: RejectReason): void => {
      rejectedOf[reason].count += 1;
    },
    /** Adds the figures that are asked for at each scrape. */
    watch: ({ queued, counts, rebuildSeconds, streams, waiters, ...common }: Sources): void => {
      watch({ ...common, queued: () => ({ [ordersTopic]: queued() }) });
      gauge('orders_held', 'Orders held, by status.', ['status'], async (set) => {
        // No figure while the store does not answer: better than none of all others.
        for (const [status, count] of Object.entries(await counts().catch(() => ({})))) set(count, { status });
      });
      gauge('state_rebuild_duration_seconds', 'Time the rebuild of the state took; 0 until it is done.', [], (set) => set(rebuildSeconds(), {}));
      gauge('event_streams', 'Open streams of events.', [], (set) => set(streams(), {}));
      gauge('waiting_clients', 'Requests that wait for their order to finish.', [], (set) => set(waiters(), {}));
    },
  };
};
