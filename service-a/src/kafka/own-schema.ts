import type { Logger } from '../utils/logger';
import { createGate } from '../utils/gate';
import { pause } from '../utils/when-aborted';
import type { RegistryClient } from './registry-client';

const RETRY_MS = { first: 100, most: 1_000 };

export type OwnSchema = ReturnType<typeof createOwnSchema>;

/** The id of the schema that this service writes with. It is looked up for as long as that takes, and never registered from here. */
export const createOwnSchema = ({ subject, schema, registry, logger }: {
  subject: string;
  schema: unknown;
  registry: Pick<RegistryClient, 'idOf'>;
  logger: Logger;
}) => {
  const text = JSON.stringify(schema);
  const known = createGate();
  const stopped = new AbortController();
  let id: number | undefined;

  const ask = async (): Promise<void> => {
    for (let retryInMs = RETRY_MS.first; ; retryInMs = Math.min(2 * retryInMs, RETRY_MS.most)) {
      try {
        id = await registry.idOf(subject, text, stopped.signal);
        if (id === undefined) logger.warn('schema is not registered, asking again', { subject, retryInMs });
      } catch (error) {
        stopped.signal.throwIfAborted();
        logger.warn('the schema registry cannot be asked, trying again', { subject, error, retryInMs });
      }
      if (id !== undefined) break;
      await pause(retryInMs, stopped.signal);
    }
    logger.info('schema to write with found', { subject, schemaId: id });
    known.open();
  };

  return {
    start: (): void => void ask().catch(() => undefined),
    stop: (): void => stopped.abort(new Error('stopped')),
    /** Undefined until it is known; then it stays. */
    id: (): number | undefined => id,
    /** Resolves once it is known; rejects with the reason of `signal` when that aborts first. */
    known: async (signal: AbortSignal): Promise<number> => {
      if (id === undefined) await known.wait(signal);
      return id!;
    },
  };
};
