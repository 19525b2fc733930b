import type { DatabaseFigures } from './sources/postgres-log';
import { LATENCY_SECONDS, type createMeters } from './utils/meters';

const BATCH_FACTS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** What the service tells Prometheus of its database. */
export const createDatabaseMetrics = ({ topics, gauge, tallies, histogram }: { topics: readonly string[] } & Pick<
  ReturnType<typeof createMeters>, 'gauge' | 'tallies' | 'histogram'
>) => {
  const time = histogram('projection_batch_duration_seconds', 'Time of a transaction that applies records to the tables.', LATENCY_SECONDS);
  const size = histogram('projection_batch_records', 'Records that a transaction applies.', BATCH_FACTS);
  const jumps = tallies({ name: 'projection_jumps_total', help: 'Times that retention had cut a partition off before it was read.', labelNames: ['topic'] });
  const missed = tallies({ name: 'projection_missed_records_total', help: 'Records that were cut off before they were read.', labelNames: ['topic'] });
  const jumpsOf = new Map(topics.map((topic) => [topic, { jumps: jumps({ topic }), missed: missed({ topic }) }]));

  return {
    onBatch: (seconds: number, facts: number): void => {
      time.observe(seconds);
      size.observe(facts);
    },
    onJump: (topic: string, records: bigint): void => {
      const tally = jumpsOf.get(topic);
      if (tally === undefined) return;
      tally.jumps.count += 1;
      tally.missed.count += Number(records);
    },
    /** Adds the figures that are asked for at each scrape. */
    ask: ({ behind, pools }: DatabaseFigures): void => {
      gauge('projection_behind_records', 'Records between the tables and the end of the log.', ['topic'], (set) => {
        for (const { topic, records } of behind()) set(records, { topic });
      });
      gauge('database_connections', 'Connections to the database, by pool and state.', ['pool', 'state'], (set) => {
        for (const { pool, open, idle } of pools()) {
          set(idle, { pool, state: 'idle' });
          set(open - idle, { pool, state: 'used' });
        }
      });
      gauge('database_connection_waiters', 'Who waits for a connection to the database, by pool.', ['pool'], (set) => {
        for (const { pool, waiting } of pools()) set(waiting, { pool });
      });
    },
  };
};
