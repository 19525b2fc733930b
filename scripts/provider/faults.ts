import { z } from 'zod';
import { draw } from './fates';

const share = z.number().min(0).max(1).default(0);
const milliseconds = z.int().min(0).max(3_600_000).default(0);

/** What goes wrong: shares of calls, from 0 to 1, and times in milliseconds. Nothing, unless it is set. */
export const faultsSchema = z.strictObject({
  /** Each charge takes so long, and is pending meanwhile. */
  latencyMs: milliseconds,
  /** This share takes `slowMs` more, whether or not its caller still waits. */
  slow: share,
  slowMs: milliseconds,
  /** Never answered: nothing is booked, or the charge is. */
  hangBefore: share,
  hangAfter: share,
  /** 503: nothing is booked, or the charge is. */
  errorBefore: share,
  errorAfter: share,
  /** The connection is reset, the charge is booked. */
  resetAfter: share,
  /** 500, nothing is booked, and the same answer ever after: a share of the keys. */
  savedError: share,
  /** Calls in a second; the others are answered 429. 0: as many as come. */
  limitPerSecond: z.int().min(0).default(0),
  /** Keys older than this are forgotten, their charges are not. 0: none. */
  forgetAfterMs: milliseconds,
});
export type Faults = z.output<typeof faultsSchema>;
type Share = 'slow' | 'hangBefore' | 'hangAfter' | 'errorBefore' | 'errorAfter' | 'resetAfter' | 'savedError';

/** Which call a fault hits is decided by key and call, so that a run can be told from its ledger. */
export const createFaults = (initial: Faults) => {
  let current = initial;
  let second = 0;
  let served = 0;
  return {
    current: (): Faults => current,
    set: (faults: Faults): void => {
      current = faults;
    },
    hits: (fault: Share, key: string, call: number): boolean => draw(`${fault}:${call}`, key) < current[fault],
    /** Whether this call is one more than the limit allows in this second. */
    tooMany: (): boolean => {
      const now = Math.floor(Date.now() / 1_000);
      if (now !== second) [second, served] = [now, 0];
      served += 1;
      return current.limitPerSecond > 0 && served > current.limitPerSecond;
    },
  };
};
