import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { z } from 'zod';
import { CHANNEL } from '../store/postgres/apply-batch';
import { pause } from '../utils/when-aborted';
import { isConflict, isHeldUp, select } from './connections';
import { mergeStatements } from './merge-rows';

/** In the order in which they are locked, and in which they are moved: nobody takes two of them the other way round. */
const LOCKED = ['projection_offsets', 'orders', 'order_counts', 'order_changes'];
const MOVED = ['projection_offsets', 'order_changes', 'orders', 'order_counts'];
/** Clocks of replicas differ: an id that was taken after a moment may be stamped this much earlier. */
const CLOCK_MARGIN_MS = 300_000;
/** How long the replicas may be held up: their own patience with a lock is two seconds. */
const HOLD = { lockMs: 1_000, behindMs: 1_000, tries: 20, restMs: 1_000 };

/**
 * Puts fresh tables in the place of those in use, once nothing that these know is missing: whoever asks meanwhile waits, and goes on with
 * the fresh ones.
 * @param owner of the lock that keeps other rebuilds away
 * @param finish runs what it is given as the last thing that is done with the fresh tables, unless it fails
 */
export const createSwap = ({ owner, live, fresh, old, behind, finish }: {
  owner: Client;
  /** Schemas: of the tables in use, of the fresh ones, and where those in use are put. */
  live: string;
  fresh: string;
  old: string;
  /** Records that the fresh tables are behind. */
  behind: () => Promise<bigint>;
  finish: <T>(work: () => Promise<T>) => Promise<T>;
}) => {
  /** Notes which ids are taken now; what is taken later is found by its time, as of this moment. */
  const noteClaims = async (): Promise<number> => {
    const clock = z.object({ now: z.coerce.number() });
    const [row] = await select(owner, clock, 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now');
    await owner.query(`DROP TABLE IF EXISTS ${fresh}.claims;
      CREATE TABLE ${fresh}.claims AS SELECT order_id FROM ${live}.orders WHERE source = 0; ANALYZE ${fresh}.claims`);
    return (row?.now ?? 0) - CLOCK_MARGIN_MS;
  };

  const move = async (since: number): Promise<void> => {
    // Ids that are taken, and orders that the broker has acknowledged and nobody has read yet.
    const chosen = `(held.created_ms >= $1 OR held.order_id IN (SELECT order_id FROM ${fresh}.claims))`;
    const { improve, add } = mergeStatements(live, fresh, chosen);
    await owner.query(improve, [since]);
    await owner.query(add, [since]);
    await owner.query(`INSERT INTO ${fresh}.projection_offsets SELECT * FROM ${live}.projection_offsets ON CONFLICT DO NOTHING`);
    await owner.query(`CREATE SCHEMA ${old}`);
    for (const table of MOVED) {
      await owner.query(`ALTER TABLE ${live}.${table} SET SCHEMA ${old}; ALTER TABLE ${fresh}.${table} SET SCHEMA ${live}`);
    }
    await owner.query(`SELECT pg_notify('${CHANNEL}', '')`);
    await owner.query('COMMIT');
  };

  /** @returns for how many milliseconds the replicas were held up; undefined when the fresh tables did not catch up in time */
  const swapOnce = async (since: number, signal: AbortSignal): Promise<number | undefined> => {
    await owner.query(`BEGIN; SET LOCAL lock_timeout = ${HOLD.lockMs}`);
    const startedAt = performance.now();
    // Readers go on until the tables are moved.
    for (const table of LOCKED) await owner.query(`LOCK TABLE ${live}.${table} IN EXCLUSIVE MODE`);
    while (await behind() > 0n) {
      signal.throwIfAborted();
      if (performance.now() - startedAt > HOLD.behindMs) return undefined;
      await sleep(10);
    }
    await finish(() => move(since));
    return performance.now() - startedAt;
  };

  /**
   * @returns for how many milliseconds the replicas waited
   * @throws when they cannot be held up long enough, however often it is tried
   */
  return async (signal: AbortSignal): Promise<number> => {
    for (let tries = 1; tries <= HOLD.tries; tries += 1) {
      const since = await noteClaims();
      try {
        const heldUpFor = await swapOnce(since, signal);
        if (heldUpFor !== undefined) return heldUpFor;
        await owner.query('ROLLBACK');
      } catch (error) {
        await owner.query('ROLLBACK');
        if (!isHeldUp(error) && !isConflict(error)) throw error;
      }
      await pause(HOLD.restMs, signal);
    }
    throw new Error('the tables in use are too busy to be replaced');
  };
};
