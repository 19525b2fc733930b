import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../processors/order-store';
import type { Logger } from '../utils/logger';

const RETRY = { firstMs: 100, mostMs: 3_000 };
const BEAT_MS = 500;

export type Turns = ReturnType<typeof createTurns>;

/** What is done with the tables, one after the other: a replica has one transaction under way at a time, whatever partition it is of. */
export const createTurns = ({ logger }: { logger: Logger }) => {
  const halted = new AbortController();
  let last: Promise<unknown> = Promise.resolve();

  /** Tries again for as long as the database is away; undefined when that became pointless. */
  const persist = async <T>(work: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> => {
    for (let retryInMs = RETRY.firstMs; !isOver() && !halted.signal.aborted; retryInMs = Math.min(2 * retryInMs, RETRY.mostMs)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        logger.warn('the database cannot be reached, trying again', { error, retryInMs });
        await sleep(retryInMs * (0.5 + Math.random() / 2), undefined, { signal: halted.signal }).catch(() => undefined);
      }
    }
    return undefined;
  };

  return {
    /**
     * Does it when it is its turn, and again while the database is away, unless it is over.
     * @returns undefined when it was over before it was done
     * @throws what is no fault of the database's absence
     */
    take: <T>(work: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> => {
      const turn = last.then(() => persist(work, isOver));
      last = turn.catch(() => undefined);
      return turn;
    },
    /** Begins nothing more. Resolves when what is under way has come to its end. */
    halt: async (): Promise<void> => {
      halted.abort();
      await last;
    },
  };
};

/**
 * Waits for something that may take its time, and tells the broker of life meanwhile.
 * @returns undefined once `signal` aborts: nobody waits for it any longer
 * @throws what the broker says to that, at once: whoever has lost the place in the group has nothing to wait for
 */
export const whileBeating = <T>(work: Promise<T>, heartbeat: () => Promise<void>, signal: AbortSignal): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const timer = setInterval(() => void heartbeat().catch(reject), BEAT_MS);
    const onAbort = (): void => resolve(undefined);
    signal.addEventListener('abort', onAbort);
    void work.then(resolve, reject).finally(() => {
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
    });
  });
