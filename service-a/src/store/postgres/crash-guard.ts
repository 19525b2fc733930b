import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientBase } from 'pg';
import type { Logger } from '../../utils/logger';
import { unavailable } from './errors';
import { askOf, type Statement } from './pool';
import { readPositions } from './positions';
import type { PassedEnds, Topics } from './types';

const LOOK_MS = 50;
const CONNECT_MS = 5_000;
const STATEMENT_MS = 3_000;

const IS_CURRENT: Statement = { name: 'is-current', text: 'SELECT FROM tables_current' };
const BE_CURRENT: Statement = { name: 'be-current', text: 'INSERT INTO tables_current DEFAULT VALUES ON CONFLICT DO NOTHING' };

/**
 * Keeps readers off tables that a crash of the server has set back. That an order is shown after its acknowledgement is committed without
 * waiting for the disk, since the log tells it again: until it has, nobody may say that the order is not there.
 */
export const createCrashGuard = ({ url, topics, endsOfNow, logger }: {
  url: string;
  topics: Topics;
  /** Resolves to whether positions have passed the ends that the log has now. */
  endsOfNow: () => Promise<PassedEnds>;
  logger: Pick<Logger, 'info' | 'warn'>;
}) => {
  let catchingUp: Promise<void> | undefined;
  let stopped = false;

  /** All over one connection: a crash meanwhile, after which the ends would have to be asked for anew, ends it. */
  const catchUp = async (): Promise<void> => {
    const startedAt = performance.now();
    const client = new Client({
      connectionString: url, application_name: 'service-a crash guard', connectionTimeoutMillis: CONNECT_MS, keepAlive: true,
      statement_timeout: STATEMENT_MS, query_timeout: STATEMENT_MS + 500,
    });
    // A connection that is lost fails the query, and tells here too.
    client.on('error', () => undefined);
    try {
      await client.connect();
      const ask = askOf(client);
      const isPassed = await endsOfNow();
      while (!isPassed(await readPositions(ask, topics))) {
        if (stopped) return;
        await sleep(LOOK_MS);
      }
      await ask(BE_CURRENT);
      logger.info('the tables are current again after a crash of the database', { seconds: (performance.now() - startedAt) / 1_000 });
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  return {
    /**
     * Lets a new connection be used, once the tables are current. A crash ends every connection, so one that was let in stays so.
     * @throws StoreUnavailableError, and sees to it that they become current
     */
    admit: async (client: ClientBase): Promise<void> => {
      if ((await askOf(client)(IS_CURRENT)).count > 0) return;
      catchingUp ??= catchUp()
        .catch((error: unknown) => void logger.warn('the tables cannot be made current now, trying again', { error }))
        .finally(() => {
          catchingUp = undefined;
        });
      throw unavailable();
    },
    isCatchingUp: (): boolean => catchingUp !== undefined,
    stop: (): void => {
      stopped = true;
    },
  };
};
