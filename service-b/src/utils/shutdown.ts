import type { Logger } from './logger';

/** A named step of the way down; it must bound its own waiting. */
export type ShutdownStep = { name: string; run: () => Promise<unknown> };

const signals = { SIGTERM: 15, SIGINT: 2 } as const;

/**
 * Runs the steps in order on SIGTERM or SIGINT and exits 0; a step that fails is logged and does not keep the others from running.
 * Exits 1 when `deadlineMs` passes first, and at once (128 + signal number) on a second signal.
 */
export const shutdownOnSignal = ({ logger, steps, deadlineMs }: { logger: Logger; steps: ShutdownStep[]; deadlineMs: number }): void => {
  let closing = false;

  const close = async (signal: string): Promise<void> => {
    logger.info('shutting down', { signal });
    setTimeout(() => {
      logger.error('shutdown took too long', { deadlineMs });
      process.exit(1);
    }, deadlineMs).unref();
    for (const step of steps) {
      try {
        await step.run();
      } catch (error) {
        logger.warn('shutdown step failed', { step: step.name, error });
      }
    }
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
};

/** An error nobody caught leaves the process in an unknown state: one line, exit 1, and the supervisor starts it anew. */
export const exitOnUncaught = (logger: Logger): void => {
  process.on('uncaughtException', (error, origin) => {
    logger.error('uncaught error, exiting', { origin, error });
    process.exit(1);
  });
};
