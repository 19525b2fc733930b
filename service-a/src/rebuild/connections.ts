import { Client, DatabaseError, type QueryResultRow } from 'pg';
import type { z } from 'zod';
import { StoreUnavailableError } from '../store/order-store';
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

/** Transactions, each on whichever of these connections is free. */
export const createTransactions = (clients: readonly Client[]) => {
  const free = [...clients];
  const waiting: ((client: Client) => void)[] = [];
  let closed = false;

  const take = (): Promise<Client> => new Promise((resolve) => {
    const client = free.pop();
    if (client === undefined) waiting.push(resolve);
    else resolve(client);
  });

  const give = (client: Client): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(client);
    else next(client);
  };

  const once = async <T>(client: Client, work: (ask: Ask, client: Client) => Promise<T>): Promise<T> => {
    try {
      await client.query('BEGIN');
      const result = await work(askOf(client), client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };

  const transact = async <T>(work: (ask: Ask, client: Client) => Promise<T>): Promise<T> => {
    const client = await take();
    try {
      for (let tries = 1; ; tries += 1) {
        if (closed) throw new StoreUnavailableError('the tables are in use by now');
        try {
          return await once(client, work);
        } catch (error) {
          if (tries === TRIES || !isConflict(error)) throw error;
        }
      }
    } finally {
      give(client);
    }
  };

  /** The last thing that is done, once nothing is under way: from then on every transaction is refused. */
  const finish = async <T>(work: () => Promise<T>): Promise<T> => {
    const all = await Promise.all(clients.map(take));
    try {
      const result = await work();
      closed = true;
      return result;
    } finally {
      all.forEach(give);
    }
  };

  return { transact, finish };
};
