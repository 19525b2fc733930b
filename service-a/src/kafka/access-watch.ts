import type { Logger } from '../utils/logger';
import type { Fault, Look } from './access';

/** Between two looks: while something is refused, or not known, there is one after the other. */
const LOOK_MS = 2_000;

const delay = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms).unref();
});

const nameOf = ({ operation, resource, reason }: Fault): string => `${operation} ${resource}: ${reason}`;

/**
 * Looks at the start, and whenever something failed, whether that is for want of a right, a password or a certificate; says so once, and
 * once more when it is over. What failed is tried again by whoever needs it.
 */
export const createAccessWatch = ({ look, principal, logger }: { look: Look; principal: string; logger: Logger }) => {
  let faults = new Map<string, Fault>();
  let asked = false;
  let stopping = false;
  let wake: () => void = () => undefined;

  const learn = (found: Fault[]): void => {
    const now = new Map(found.map((fault) => [nameOf(fault), fault]));
    for (const [name, fault] of now) {
      if (!faults.has(name)) logger.error('access refused', { principal, ...fault });
    }
    for (const [name, { operation, resource }] of faults) {
      if (!now.has(name)) logger.info('access granted again', { principal, operation, resource });
    }
    faults = now;
  };

  const watch = async (): Promise<void> => {
    while (!stopping) {
      asked = false;
      const found = await look();
      if (stopping) return;
      // When nobody can be asked, it is as it was.
      if (found !== undefined) learn(found);
      await delay(LOOK_MS);
      if (found?.length === 0 && !asked) await new Promise<void>((resolve) => { wake = resolve; });
    }
  };

  const check = (): void => {
    asked = true;
    wake();
  };

  return {
    start: (): void => void watch(),
    stop: (): void => {
      stopping = true;
      wake();
    },
    /** For who hears of what failed: then it may be for want of access. */
    alsoCheck: <T extends unknown[]>(listener: (...heard: T) => void) => (...heard: T): void => {
      listener(...heard);
      check();
    },
    /** Nothing is refused, as far as is known. */
    granted: (): boolean => faults.size === 0,
  };
};
