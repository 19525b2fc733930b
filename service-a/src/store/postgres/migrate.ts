import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, escapeIdentifier } from 'pg';
import { z } from 'zod';

/** Of an advisory lock: one process at a time looks which migrations are missing and makes them. */
const LOCK = 0x6f72_6465;
/** A rewrite of a big table takes as long as it takes; getting a connection does not. */
const CONNECT_MS = 5_000;

const FOLDER = join(__dirname, 'migrations');

export type Migration = { readonly version: number; readonly name: string; readonly sql: string };

/** `newer`: the tables are those of a later version of this code, which may mean other things by them. */
export type Migrated = { readonly kind: 'ready'; readonly made: readonly string[] } | { readonly kind: 'newer'; readonly version: number };

/** The numbered files of a folder, in their order: `0001-orders.sql`. */
export const readMigrations = async (folder = FOLDER): Promise<Migration[]> => {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort();
  return Promise.all(names.map(async (name) => ({
    version: Number(name.slice(0, 4)), name, sql: await readFile(join(folder, name), 'utf8'),
  })));
};

const versionSchema = z.tuple([z.object({ version: z.number() })]);

const migrateIn = async (client: Client, migrations: readonly Migration[]): Promise<Migrated> => {
  // Everything behind the lock, the table of migrations included: two that make one table at a time fail, also with IF NOT EXISTS.
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, made_at timestamptz NOT NULL DEFAULT now()
  )`);
  const { rows } = await client.query('SELECT coalesce(max(version), 0) AS version FROM schema_migrations');
  const [{ version }] = versionSchema.parse(rows);
  if (version > (migrations.at(-1)?.version ?? 0)) return { kind: 'newer', version };
  const missing = migrations.filter((migration) => migration.version > version);
  for (const migration of missing) {
    await client.query(migration.sql);
    await client.query('INSERT INTO schema_migrations (version, name) VALUES ($1, $2)', [migration.version, migration.name]);
  }
  return { kind: 'ready', made: missing.map(({ name }) => name) };
};

/**
 * Brings the tables to what this code knows, in one transaction: all of the missing migrations, or none.
 * @throws what the database says
 */
export const migrate = async ({ url, schema, migrations }: {
  url: string;
  schema?: string | undefined;
  migrations: readonly Migration[];
}): Promise<Migrated> => {
  const client = new Client({
    connectionString: url, application_name: 'service-a migrations', connectionTimeoutMillis: CONNECT_MS, keepAlive: true,
  });
  // A connection that is lost fails the query, and tells here too.
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (schema !== undefined) await client.query(`SET search_path = ${escapeIdentifier(schema)}`);
    await client.query('BEGIN');
    const migrated = await migrateIn(client, migrations);
    await client.query('COMMIT');
    return migrated;
  } finally {
    // Whatever was not committed is rolled back by this.
    await client.end().catch(() => undefined);
  }
};
