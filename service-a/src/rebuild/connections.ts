import { Client, DatabaseError, type QueryResultRow } from 'pg';
import type { z } from 'zod';
import { StoreUnavailableError } from '../processors/order-store';
import { StaleReadError } from '../store/postgres/errors';
import { askOf, type Ask } from '../store/postgres/pool';

const CONNECT_MS = 5_000;
const TRIES = 5;

/** One connection for the life of a rebuild: what is lost with it is the rebuild. */
export const connect = async (url: string, what: string): Promise<Client> => {
  const client = new Client({
    connectionString: url, application_name: `service-a rebuild ${what}`, connectionTimeoutMillis: CONNECT_MS, keepAlive: true,
  });
  // A connection that is lost fails the query, and tells here too.
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

/** The rows of one statement, as `row` reads them. */
export const select = async <T>(client: Client, row: z.ZodType<T>, text: string, values: unknown[] = []): Promise<T[]> => {
  const { rows } = await client.query<QueryResultRow>(text, values);
  return rows.map((one) => row.parse(one));
};

/** Nothing was done, because of what others did at the same time. */
export const isConflict = (error: unknown): boolean =>
  error instanceof StaleReadError || (error instanceof DatabaseError && ['40P01', '40001'].includes(error.code ?? ''));

/** A lock was not had in time. */
export const isHeldUp = (error: unknown): boolean => error instanceof DatabaseError && error.code === '55P03';

/** Transactions on one connection, one after the other. */
export const createTransactions = (client: Client) => {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  const ask = askOf(client);

  const once = async <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    try {
      await client.query('BEGIN');
      const result = await work(ask);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };

  const repeated = async <T>(work: (ask: Ask) => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      if (closed) throw new StoreUnavailableError('the tables are in use by now');
      try {
        return await once(work);
      } catch (error) {
        if (tries === TRIES || !isConflict(error)) throw error;
      }
    }
  };

  /** Anything else that is to happen between two transactions. */
  const between = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** The last thing that is done: from then on every transaction is refused. */
  const finish = <T>(work: () => Promise<T>): Promise<T> => between(async () => {
    const result = await work();
    closed = true;
    return result;
  });

  return { between, finish, transact: <T>(work: (ask: Ask) => Promise<T>): Promise<T> => between(() => repeated(work)) };
};
