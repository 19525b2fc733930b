import { z } from 'zod';
import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { StoreUnavailableError } from '../../../src/processors/order-store';
import { createPool, type PoolSettings } from '../../../src/store/postgres/pool';
import { recordingLogger } from '../../support/fakes';
import { connectTo } from '../../support/postgres';

describe('A pool', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let url: string;
  let admin: Awaited<ReturnType<typeof connectTo>>;
  const pools: ReturnType<typeof createPool>[] = [];
  beforeAll(async () => {
    postgres = await startTestPostgres();
    url = await postgres.newDatabase();
    admin = await connectTo(url);
    await admin.query('CREATE TABLE numbers (n integer)');
  });
  beforeEach(() => admin.query('TRUNCATE numbers'));
  afterEach(async () => {
    await Promise.all(pools.splice(0).map(({ end }) => end()));
  });
  afterAll(async () => {
    await admin.end();
    await postgres.stop();
  });

  const poolOf = (differences: Partial<PoolSettings> = {}) => {
    const pool = createPool({ url, name: 'test', size: 1, statementMs: 2_000, lockMs: 200, logger: recordingLogger().logger, ...differences });
    pools.push(pool);
    return pool;
  };
  const ADD = { name: 'add', text: 'INSERT INTO numbers VALUES ($1)' };
  const SLOW = { name: 'slow', text: 'SELECT pg_sleep(5)' };
  const WRONG = { name: 'wrong', text: 'SELECT 1 / $1::integer' };
  const endOthers = () => admin.query(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'service-a test' AND datname = current_database()",
  );
  const numbers = () => admin.query('SELECT n FROM numbers');

  test('When a connection is lost while a transaction rests on it, then the process lives, and the transaction is done again', async () => {
    const pool = poolOf();
    let tries = 0;
    await pool.transact(async (ask) => {
      tries += 1;
      await ask(ADD, [tries]);
      if (tries > 1) return;
      await endOthers();
      // Until the client has heard of it.
      await new Promise((resolve) => setTimeout(resolve, 200));
    });
    expect(await numbers()).toEqual([{ n: 2 }]);
  });

  test('When every statement finds its rows by a key, then it is planned once, and by an index although the table was empty', async () => {
    await admin.query('CREATE TABLE keyed (id integer PRIMARY KEY)');
    const pool = poolOf({ byKey: true });
    const FIND = { name: 'find', text: 'SELECT FROM keyed WHERE id = ANY ($1::integer[])' };
    for (const id of [1, 2, 3]) await pool.ask(FIND, [[id]]);
    const { rows: plans } = await pool.ask({
      name: 'plans', text: `SELECT generic_plans::integer AS once, custom_plans::integer AS anew FROM pg_prepared_statements WHERE name = '${FIND.name}'`,
      row: z.object({ once: z.number(), anew: z.number() }),
    });
    expect(plans).toEqual([{ once: 3, anew: 0 }]);
    const { rows: lines } = await pool.ask({ name: 'plan', text: `EXPLAIN EXECUTE ${FIND.name} (NULL)`, row: z.object({ 'QUERY PLAN': z.string() }) });
    expect(lines.map((line) => line['QUERY PLAN']).join('\n')).toContain('keyed_pkey');
  });

  test('When a transaction fails by itself, then nothing of it stays, it is not repeated, and the connection is used again', async () => {
    const pool = poolOf();
    let tries = 0;
    const failing = pool.transact(async (ask) => {
      tries += 1;
      await ask(ADD, [1]);
      await ask(WRONG, [0]);
    });
    await expect(failing).rejects.not.toThrow(StoreUnavailableError);
    expect([tries, await numbers()]).toEqual([1, []]);
    await pool.transact((ask) => ask(ADD, [3]));
    expect([pool.figures(), await numbers()]).toEqual([{ pool: 'test', open: 1, idle: 1, waiting: 0 }, [{ n: 3 }]]);
  });

  test('When the database took no writes for a while, then the connections of that time are not used again', async () => {
    const pool = poolOf();
    const database = new URL(url).pathname.slice(1);
    await admin.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    await expect(pool.transact((ask) => ask(ADD, [1]))).rejects.toThrow(StoreUnavailableError);
    await admin.query(`ALTER DATABASE ${database} RESET default_transaction_read_only`);
    await pool.transact((ask) => ask(ADD, [2]));
    expect(await numbers()).toEqual([{ n: 2 }]);
  });

  test('When a statement takes too long, or waits too long for a row, then the database cannot be asked', async () => {
    await expect(poolOf({ statementMs: 200 }).ask(SLOW)).rejects.toThrow(StoreUnavailableError);
    await admin.query('BEGIN');
    await admin.query('LOCK TABLE numbers');
    await expect(poolOf().ask(ADD, [1])).rejects.toThrow(StoreUnavailableError);
    await admin.query('ROLLBACK');
  });

  test('When every connection is busy for too long, then the database cannot be asked', async () => {
    const pool = poolOf({ connectMs: 200 });
    const slow = pool.ask(SLOW).catch((error: unknown) => error);
    await expect(pool.ask(ADD, [1])).rejects.toThrow(StoreUnavailableError);
    expect(await slow).toBeInstanceOf(StoreUnavailableError);
  });

  test('When nobody listens at its address, then the database cannot be asked, and its address is told to nobody', async () => {
    const failing = poolOf({ url: 'postgres://user:secret@127.0.0.1:1/orders' }).ask(ADD, [1]);
    await expect(failing).rejects.toMatchObject({ name: 'StoreUnavailableError', message: 'the database cannot be asked now' });
  });
});
