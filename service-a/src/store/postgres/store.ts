import type { Logger } from '../../utils/logger';
import { StoreUnavailableError } from '../order-store';
import type { PostgresStore, Topics, Watch } from './types';

const notYet = async (): Promise<never> => { throw new StoreUnavailableError('not made yet'); };

/** Orders in PostgreSQL, for any number of replicas. */
export const createPostgresStore = (_deps: {
  url: string;
  topics: Topics;
  logger: Logger;
  /** Whether somebody wants to hear of changes now; without that they are not looked up. */
  wanted?: () => boolean;
  /** Of the tables; that of the connection's search path by default. */
  schema?: string;
  watch?: Watch;
}): PostgresStore => ({
  store: {
    claim: notYet, acknowledge: notYet, release: notYet, get: notYet, getMany: notYet,
    newestFirst: () => ({ [Symbol.asyncIterator]: () => ({ next: notYet }) }),
    counts: notYet,
  },
  changes: { onChange: () => undefined, onGap: () => undefined, position: () => '', since: notYet },
  applyBatch: notYet,
  startPartition: notYet,
  positions: () => [],
  healthy: () => false,
  pools: () => [],
  start: notYet,
  stop: async () => undefined,
});
