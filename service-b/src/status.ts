import type { ChargeResult } from './processors/gateway';
import { createRecent } from './utils/recent';

/** What happened in the last minutes, for the operator's page: it stands before what counts for Prometheus. */
export const createStatus = ({ concurrency, timeoutMs, openCalls }: {
  concurrency: number;
  timeoutMs: number;
  /** Calls of the gateway that are under way, or wait for their place. */
  openCalls: () => number;
}) => {
  const answers = createRecent<ChargeResult['kind']>(['approved', 'declined', 'unavailable', 'conflict']);
  const others = createRecent(['retries', 'rebalances', 'restarts']);
  let rebalances = 0;

  return {
    alsoAnswered: (told: (answer: ChargeResult['kind'], attempt: number) => void) => (answer: ChargeResult['kind'], attempt: number): void => {
      answers.count(answer);
      if (attempt > 0) others.count('retries');
      told(answer, attempt);
    },
    alsoJoined: (told: () => void) => (): void => {
      rebalances += 1;
      others.count('rebalances');
      told();
    },
    alsoRestarted: (told: () => void) => (): void => {
      others.count('restarts');
      told();
    },
    figures: {
      gateway: () => ({
        answersLast5m: answers.counts(), retriesLast5m: others.counts().retries,
        callsUnderWay: Math.min(openCalls(), concurrency), callsWaiting: Math.max(0, openCalls() - concurrency), concurrency, timeoutMs,
      }),
      rebalances: () => ({ last5m: others.counts().rebalances, total: rebalances }),
      restarts: () => others.counts().restarts,
    },
  };
};
