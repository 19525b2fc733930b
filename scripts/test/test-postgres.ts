import { createDatabase, dropDatabase, startScratchPostgres } from '../lib/postgres';

let count = 0;

/**
 * A PostgreSQL for the tests of one file, in `beforeAll`: the one that DATABASE_URL names, else one of its own, started in about two
 * seconds. Throws, saying what to install, when none can be had. Each test takes a database of its own.
 */
export const startTestPostgres = async () => {
  const given = process.env.DATABASE_URL;
  const scratch = given ? undefined : await startScratchPostgres();
  const url = given || scratch!.postgres.url;
  const made: string[] = [];
  return {
    url,
    /** An empty database; resolves to its URL. */
    newDatabase: (): Promise<string> => {
      const name = `test_${process.pid}_${Date.now()}_${count += 1}`;
      made.push(name);
      return createDatabase(url, name);
    },
    /** For `afterAll`. */
    stop: async (): Promise<void> => {
      if (scratch) return scratch.remove();
      for (const name of made) await dropDatabase(url, name);
    },
  };
};
