import { query, startScratchPostgres } from '../lib/postgres';
import { startTestPostgres } from './test-postgres';

const CREATE = 'CREATE TABLE kept (n integer)';
const rowsOf = (url: string): Promise<Record<string, unknown>[]> => query(url, 'SELECT n FROM kept');
/** Whether it answers within half a second. */
const answers = (url: string): Promise<boolean> => Promise.race([
  query(url, 'SELECT 1').then(() => true, () => false),
  new Promise<boolean>((resolve) => { setTimeout(() => resolve(false), 500); }),
]);

describe('A PostgreSQL without Docker', () => {
  let scratch: Awaited<ReturnType<typeof startScratchPostgres>>;
  beforeAll(async () => {
    scratch = await startScratchPostgres();
  });
  afterAll(() => scratch.remove());

  test.each([
    ['restarted', () => scratch.postgres.restart()],
    ['killed and started', () => scratch.postgres.kill().then(() => scratch.postgres.start())],
  ])('When it is %s, then it is another process with the same rows', async (_how, breakIt) => {
    const { postgres } = scratch;
    const url = await postgres.createDatabase('kept');
    await query(url, CREATE, 'INSERT INTO kept VALUES (1)');
    const pid = postgres.pid();
    await breakIt();
    expect(postgres.pid()).not.toBe(pid);
    expect(await rowsOf(url)).toEqual([{ n: 1 }]);
  });

  test('When it is frozen, then an open connection is not answered until it is resumed', async () => {
    const { postgres } = scratch;
    const url = await postgres.createDatabase('frozen');
    const slow = query(url, 'SELECT pg_sleep(0.2)', 'SELECT 1 AS n');
    await postgres.pause();
    expect(await answers(url)).toBe(false);
    await postgres.resume();
    expect(await slow).toEqual([{ n: 1 }]);
  });
});

describe('The database of a test', () => {
  test('When two are made, then each is empty and what is written to one is not in the other', async () => {
    const { newDatabase, stop } = await startTestPostgres();
    try {
      const [one, other] = [await newDatabase(), await newDatabase()];
      await query(one, CREATE);
      await expect(rowsOf(other)).rejects.toThrow('does not exist');
    } finally {
      await stop();
    }
  });
});
