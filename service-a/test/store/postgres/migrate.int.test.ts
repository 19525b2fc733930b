import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { StoreUnavailableError } from '../../../src/processors/order-store';
import { migrate, readMigrations, type Migration } from '../../../src/store/postgres/migrate';
import { createPostgresStore } from '../../../src/store/postgres/store';
import { created, orderIdOf } from '../../support/builders';
import { eventually, recordingLogger } from '../../support/fakes';
import { batchOf, connectTo, createStores, topics } from '../../support/postgres';

const LATER: Migration = { version: 9_000, name: '9000-later.sql', sql: 'CREATE TABLE later (n integer)' };

describe('Migrations', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let url: string;
  let migrations: Migration[];
  const stores = createStores();
  beforeAll(async () => {
    postgres = await startTestPostgres();
    migrations = await readMigrations();
  });
  beforeEach(async () => {
    url = await postgres.newDatabase();
  });
  afterEach(stores.stopAll);
  afterAll(() => postgres.stop());

  test('When several replicas start at once on an empty database, then one makes the tables and all are ready', async () => {
    const results = await Promise.all(Array.from({ length: 6 }, () => migrate({ url, migrations })));
    const made = results.map((result) => (result.kind === 'ready' ? result.made.length : NaN)).sort();
    expect(made).toEqual([0, 0, 0, 0, 0, migrations.length]);
  });

  test('When a migration is new, then it alone is made, and what the tables hold stays', async () => {
    const { store, startPartition, applyBatch, stop } = await stores.open(url);
    await startPartition({ topic: 'orders', partition: 0, low: '0' });
    await applyBatch(batchOf([created()]));
    await stop();
    expect(await migrate({ url, migrations: [...migrations, LATER] })).toEqual({ kind: 'ready', made: [LATER.name] });
    await expect(store.get(orderIdOf(0))).rejects.toThrow(StoreUnavailableError);
  });

  test('When one of several fails, then none is made', async () => {
    const broken = { version: 9_001, name: '9001-broken.sql', sql: 'CREATE TABLE orders (n integer)' };
    await expect(migrate({ url, migrations: [...migrations, LATER, broken] })).rejects.toThrow();
    expect(await migrate({ url, migrations })).toEqual({ kind: 'ready', made: migrations.map(({ name }) => name) });
  });

  test('When the database is of a newer version, then it is not used, and an error says so', async () => {
    await migrate({ url, migrations: [...migrations, LATER] });
    const { logger, lines } = recordingLogger();
    const opened = createPostgresStore({ url, topics, logger, migrations });
    const starting = opened.start();
    await eventually(() => lines.some(({ level }) => level === 'error'), 5_000);
    expect(lines.find(({ level }) => level === 'error')).toMatchObject({ version: 9_000 });
    expect(opened.healthy()).toBe(false);
    await expect(opened.store.get(orderIdOf(0))).rejects.toThrow(StoreUnavailableError);
    await opened.stop();
    await starting;
  });

  test('When tables are to be in a schema, then they are there, apart from the others', async () => {
    const admin = await connectTo(url);
    await admin.query('CREATE SCHEMA "Fresh"');
    await stores.open(url);
    const { store, startPartition, applyBatch } = await stores.open(url, { schema: 'Fresh' });
    await startPartition({ topic: 'orders', partition: 0, low: '0' });
    await applyBatch(batchOf([created()]));
    expect(await store.get(orderIdOf(0))).toBeDefined();
    expect(await admin.query('SELECT count(*)::integer FROM public.orders')).toEqual([{ count: 0 }]);
    await admin.end();
  });
});
