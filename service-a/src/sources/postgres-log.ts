import type { Kafka } from 'kafkajs';
import { createProjector } from '../kafka/projector';
import { createFactReader } from '../kafka/read-facts';
import { createTableProgress } from '../kafka/table-progress';
import { createPostgresStore } from '../store/postgres/store';
import type { PoolFigures } from '../store/postgres/types';
import type { Logger } from '../utils/logger';
import { passOn, type Tracer } from '../utils/tracing';
import type { OrderSource } from './order-source';

type ReaderDeps = Parameters<typeof createFactReader>[0];
type ProjectorDeps = Parameters<typeof createProjector>[0];
type StoreDeps = Parameters<typeof createPostgresStore>[0];

/** How far the tables are behind the log, and what the pools of connections do. */
export type DatabaseFigures = { behind: () => readonly { topic: string; records: number }[]; pools: () => readonly PoolFigures[] };

/** The store in PostgreSQL and this replica's part in keeping it at the state of the log. */
export const createPostgresLog = ({
  url, keepDays, codec, topics, kafka, groupId, onRecord, onJoin, onRestart, watch, wanted, tracer, trail, logger,
}: {
  url: string;
  /** As of `createPostgresStore`. */
  keepDays: number | undefined;
  codec: ReaderDeps['codec'];
  topics: ReaderDeps['topics'];
  kafka: Kafka;
  groupId: string;
  onRecord: ReaderDeps['onRecord'];
  onJoin: ProjectorDeps['onJoin'];
  onRestart: ProjectorDeps['onRestart'];
  watch: NonNullable<StoreDeps['watch']> & {
    /** Takes what can be asked. */
    ask: (figures: DatabaseFigures) => void;
  };
  wanted: NonNullable<StoreDeps['wanted']>;
  tracer: Pick<Tracer, 'start'>;
  trail: ReaderDeps['trail'];
  logger: Logger;
}): OrderSource => {
  const topicNames = Object.values(topics);
  const tables = createPostgresStore({ url, keepDays, topics, logger, wanted, watch });
  const progress = createTableProgress({ kafka, topics: topicNames, positions: tables.positions, logger });
  watch.ask({ behind: progress.behind, pools: tables.pools });
  const readFacts = createFactReader({
    codec,
    topics,
    groupId,
    onRecord,
    // What is read while the tables catch up was traced when it was new.
    startSpan: (...span) => (progress.caughtUp() ? tracer : passOn).start(...span),
    trail,
    logger,
  });
  const projector = createProjector({ kafka, groupId, topics: topicNames, tables, readFacts, onJoin, onRestart, logger });

  return {
    store: tables.store,
    changes: tables.changes,
    checks: () => ({ databaseReachable: tables.healthy() }),
    log: {
      start: (): void => {
        void tables.start();
        projector.start();
        progress.start();
      },
      stop: async (): Promise<void> => {
        progress.stop();
        await projector.stop();
      },
      healthy: projector.healthy,
      caughtUp: progress.caughtUp,
      rebuildSeconds: progress.seconds,
    },
    /** After the last of those who ask the store. */
    close: tables.stop,
  };
};
