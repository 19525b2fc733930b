import { setTimeout as sleep } from 'node:timers/promises';
import { createCatchUp } from './catch-up';

/** So often the ends of the topics are asked for. */
const POLL_MS = 1_000;
/** Nobody asks: it rests, and goes on from there when somebody does. */
const REST_AFTER_MS = 60_000;
const MAX_REST_MS = 50;

/**
 * Keeps the index of dead letters up to date while somebody asks for it. It reads small pieces and rests between them for as long as each
 * took: payments go before.
 */
export const createFollow = ({ log, wanted, logger, pollMs = POLL_MS, ...deps }: Parameters<typeof createCatchUp>[0] & {
  log: { close: () => Promise<void> };
  /** Whether it is to go on although nobody has asked for a while. */
  wanted: () => boolean;
  pollMs?: number;
}) => {
  const catchUp = createCatchUp({ log, logger, ...deps });
  const stopped = new AbortController();
  let askedAt = -Infinity;
  let running: Promise<void> | undefined;
  let failing = false;
  /** When everything had been read to its end, in milliseconds since 1970. */
  let asOf: number | undefined;
  let hasFirst = false;
  let hasRead = false;
  let waiting: (() => void)[] = [];

  const tellFirst = (): void => {
    hasFirst = true;
    waiting.forEach((tell) => tell());
    waiting = [];
  };

  const readOn = async (until: number): Promise<void> => {
    for (let more = true; more && Date.now() < until && !stopped.signal.aborted;) {
      const startedAt = performance.now();
      more = await catchUp.readPiece();
      const isFirst = catchUp.isFirst();
      if (!isFirst && !hasFirst) tellFirst();
      hasRead ||= hasFirst;
      if (more && !isFirst) await sleep(Math.min(MAX_REST_MS, performance.now() - startedAt));
      if (!more) asOf = Date.now();
    }
  };

  const isAwake = (): boolean => !stopped.signal.aborted && (wanted() || Date.now() - askedAt < REST_AFTER_MS);

  const run = async (): Promise<void> => {
    hasFirst = false;
    catchUp.begin();
    while (isAwake()) {
      const until = Date.now() + pollMs;
      try {
        await catchUp.findEnds();
        await readOn(until);
        failing = false;
      } catch (error) {
        logger.log(failing ? 'debug' : 'warn', 'cannot read the dead letters, trying again', { error });
        failing = true;
      }
      await sleep(Math.max(0, until - Date.now()), undefined, { ref: false, signal: stopped.signal }).catch(() => undefined);
    }
    await log.close();
  };

  const wake = (): void => {
    askedAt = Date.now();
    running ??= run().finally(() => {
      running = undefined;
      // Somebody asked while it went to rest.
      if (isAwake()) wake();
    });
  };

  return {
    /** Somebody asks. Resolves once the newest letters have been read since it woke up, or after `ms`. */
    ask: (ms: number): Promise<void> => {
      wake();
      if (hasFirst) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    stop: async (): Promise<void> => {
      stopped.abort();
      tellFirst();
      await running;
    },
    /** Letters that are not read yet. */
    unread: catchUp.unread,
    /** Nothing is left to be read, of what was there at `asOf`. */
    isComplete: catchUp.isComplete,
    asOf: (): number | undefined => asOf,
    /** Whether the broker does not answer, and nothing is known. */
    isBlind: (): boolean => failing && !hasRead,
  };
};
