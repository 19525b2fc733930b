import type { Logger } from './logger';

type Kind = { logged: number; left: number };

export type Trail = ReturnType<typeof createTrail>;

/**
 * The per-order log lines, kept affordable: the first `perSecond` lines of each message in a second are logged, the rest are
 * counted in one summary line. Warnings and errors do not come this way and are never sampled.
 */
export const createTrail = ({ logger, perSecond }: { logger: Logger; perSecond: number }) => {
  const kinds = new Map<string, Kind>();

  const roll = (): void => {
    for (const [message, kind] of kinds) {
      if (kind.left > 0) logger.info('trail sampled', { of: message, logged: kind.logged, left: kind.left });
      kinds.delete(message);
    }
  };
  const timer = setInterval(roll, 1_000).unref();

  const log = (message: string, fields: Record<string, unknown>): void => {
    let kind = kinds.get(message);
    if (kind === undefined) kinds.set(message, kind = { logged: 0, left: 0 });
    if (kind.logged >= perSecond) {
      kind.left += 1;
      return;
    }
    kind.logged += 1;
    logger.info(message, fields);
  };

  /** Logs what is still to be summed up and stops the timer. */
  const close = (): void => {
    clearInterval(timer);
    roll();
  };

  return { log, close };
};
