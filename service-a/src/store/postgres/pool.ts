import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError, escapeIdentifier, Pool, type ClientBase, type PoolClient } from 'pg';
import type { z } from 'zod';
import { StoreUnavailableError } from '../../processors/order-store';
import type { Logger } from '../../utils/logger';
import { faultOf, StaleReadError, unavailable, type Fault } from './errors';
import type { PoolFigures } from './types';

/** Prepared once on each connection, under its name. `row` reads what it answers, if that is wanted: bigint and uuid are text. */
export type Statement<Row = never> = { readonly name: string; readonly text: string; readonly row?: z.ZodType<Row> };

export type Values = readonly (string | number | readonly (string | number | null)[])[];

/** `count`: how many rows were found or changed. */
export type Ask = <Row>(statement: Statement<Row>, values?: Values) => Promise<{ rows: Row[]; count: number }>;

export type PoolSettings = {
  url: string;
  name: string;
  size: number;
  /** Of one statement. The client gives up a little later than the server, which may be frozen. */
  statementMs: number;
  /** Of waiting for a row that another one writes. */
  lockMs: number;
  /** Of waiting for a connection, be it that all are busy. */
  connectMs?: number;
  /** Every statement finds its rows by a key: each is planned once on a connection, whatever values come. */
  byKey?: boolean;
  schema?: string | undefined;
  logger: Pick<Logger, 'warn'>;
};

const TRIES = 5;
const BACKOFF_MS = 20;
/** Of a process that stopped amidst a transaction: others wait for its rows until the server ends it. */
const IDLE_IN_TRANSACTION_MS = 5_000;

const backoff = (tries: number): Promise<void> => sleep(BACKOFF_MS * 2 ** tries * (0.5 + Math.random() / 2));

/** To plan what has several joins takes longer than to do it. A plan that was made while a table was empty must do when it is full. */
const PLANNED_ONCE = 'SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off';

const REPEATED: readonly Fault[] = ['lost', 'conflict'];
const AWAY: readonly Fault[] = ['lost', 'unavailable'];

/** Repeats what is safe to repeat, a few times, within a second; then the database cannot be asked. */
const repeating = async <T>(work: () => Promise<T>, repeated = REPEATED): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const fault = faultOf(error);
      if (error instanceof StoreUnavailableError || fault === 'defect') throw error;
      if (tries === TRIES || !repeated.includes(fault)) throw unavailable(error);
      await backoff(tries);
    }
  }
};

/** Asks over one connection, or over whichever of a pool is free. */
export const askOf = (client: Pool | ClientBase): Ask => async ({ name, text, row }, values = []) => {
  const { rows, rowCount } = await client.query<Record<string, unknown>>({ name, text, values: [...values] });
  return { rows: row === undefined ? [] : rows.map((one) => row.parse(one)), count: rowCount ?? 0 };
};

export type Database = ReturnType<typeof createPool>;

export const createPool = ({ url, name, size, statementMs, lockMs, connectMs = 2_000, byKey = false, schema, logger }: PoolSettings) => {
  const prepare = async (client: ClientBase): Promise<void> => {
    // The pool listens for idle clients alone: without this a connection that is lost while it is used would end the process. Whoever
    // uses it hears of it by the query that fails.
    client.on('error', () => undefined);
    // Whatever the server's default: what anybody has read must outlive the server's crash.
    const settings = ['SET synchronous_commit = on'];
    if (byKey) settings.push(PLANNED_ONCE);
    if (schema !== undefined) settings.push(`SET search_path = ${escapeIdentifier(schema)}`);
    await client.query(settings.join('; '));
    // An address can lead there for a while after a failover. It may be behind: what it does not have yet is not unknown.
    const { rows: [server] } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (server?.standby !== false) throw new Error('the server is a standby');
  };
  const pool = new Pool({
    connectionString: url,
    application_name: `service-a ${name}`,
    max: size,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    query_timeout: statementMs + 500,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    // The pool waits for the promise, though its type does not say so.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    onConnect: prepare,
  });
  pool.on('error', (error) => logger.warn('connection to the database lost', { pool: name, error }));

  const askPool = askOf(pool);

  /**
   * A connection is used again only when the server has answered, so that the transaction is rolled back, and not that it cannot do this
   * now: that may be so on this connection alone, for as long as it lasts, as where it was made while the server only read.
   */
  const rollBack = async (client: PoolClient, error: unknown): Promise<void> => {
    try {
      const isAnswered = error instanceof StaleReadError || error instanceof DatabaseError;
      if (!isAnswered || AWAY.includes(faultOf(error))) throw error;
      await client.query('ROLLBACK');
      client.release();
    } catch {
      client.release(true);
    }
  };

  const transactOnce = async <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(askOf(client));
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      await rollBack(client, error);
      throw error;
    }
  };

  return {
    /**
     * One statement, in a transaction of its own.
     * @throws StoreUnavailableError when the database cannot be asked; it may have been done, several times if `once` is not set
     */
    ask: <Row>(statement: Statement<Row>, values?: Values, { once = false } = {}) =>
      repeating(() => askPool(statement, values), once ? ['conflict'] : REPEATED),
    /**
     * Statements that take effect together. All of it may be done again, also after a COMMIT of which it is not known whether it came
     * through: `work` must bear that.
     * @throws StoreUnavailableError
     */
    transact: <T>(work: (ask: Ask) => Promise<T>): Promise<T> => repeating(() => transactOnce(work)),
    figures: (): PoolFigures => ({ pool: name, open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    end: (): Promise<void> => pool.end(),
  };
};
