import { setTimeout } from 'node:timers/promises';
import type { Logger } from './logger';
import { leaveSignals } from './stop-early';

/** A named step of the way down; after `timeoutMs` the next one begins all the same. */
export type ShutdownStep = { name: string; timeoutMs: number; run: () => Promise<unknown> };

const signals = { SIGTERM: 15, SIGINT: 2 } as const;

const within = async (ms: number, work: Promise<unknown>): Promise<void> => {
  const timeout = setTimeout(ms, undefined, { ref: false }).then(() => {
    throw new Error(`not done within ${ms} ms`);
  });
  await Promise.race([work, timeout]);
};

/**
 * Runs the steps in order on SIGTERM or SIGINT, then exits 0. A step that fails or takes too long is logged and does not keep the others
 * from running: what it left undone is made good at the next start. A second signal exits at once, with 128 + its number.
 */
export const shutdownOnSignal = ({ logger, steps, atExit }: {
  logger: Logger;
  steps: ShutdownStep[];
  /** The last thing done, at once. */
  atExit: () => void;
}): void => {
  let closing = false;

  const close = async (signal: string): Promise<void> => {
    logger.info('shutting down', { signal });
    for (const { name, timeoutMs, run } of steps) {
      try {
        await within(timeoutMs, run());
      } catch (error) {
        logger.warn('shutdown step failed', { step: name, error });
      }
    }
    atExit();
    logger.info('stopped', { signal });
    process.exit(0);
  };

  for (const [signal, number] of Object.entries(signals)) {
    process.on(signal, () => {
      if (closing) process.exit(128 + number);
      closing = true;
      void close(signal);
    });
  }
  leaveSignals();
};

/** An error nobody caught leaves the process in an unknown state: one line, exit 1, and the supervisor starts it anew. */
export const exitOnUncaught = (logger: Logger): void => {
  process.on('uncaughtException', (error, origin) => {
    logger.error('uncaught error, exiting', { origin, error });
    process.exit(1);
  });
};
