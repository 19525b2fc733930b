import { Client } from 'pg';
import type { Logger } from '../../utils/logger';
import { CHANNEL } from './apply-batch';

const RETRY_MS = 1_000;
const CONNECT_MS = 2_000;

/** Hears notifications on a connection of its own, and makes a new one when that is lost. Meanwhile none is heard. */
export const createListener = ({ url, wake, logger }: { url: string; wake: () => void; logger: Pick<Logger, 'info'> }) => {
  let client: Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running = false;

  const connect = async (): Promise<void> => {
    const current = client = new Client({
      connectionString: url, application_name: 'service-a changes', connectionTimeoutMillis: CONNECT_MS, query_timeout: CONNECT_MS, keepAlive: true,
    });
    const again = (error?: unknown): void => {
      if (client !== current) return;
      client = undefined;
      if (!running) return;
      logger.info('notifications of the database are not heard', { error });
      void current.end().catch(() => undefined);
      timer = setTimeout(() => void connect(), RETRY_MS);
    };
    current.on('error', again).on('end', () => again()).on('notification', wake);
    try {
      await current.connect();
      await current.query(`LISTEN ${CHANNEL}`);
      // What was written while none was heard.
      wake();
    } catch (error) {
      again(error);
    }
  };

  return {
    start: (): void => {
      running = true;
      void connect();
    },
    stop: async (): Promise<void> => {
      running = false;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
};
