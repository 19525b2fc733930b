import { whenAborted } from './when-aborted';

type Waiter = { begin: () => void; gone: boolean };

/** `max` places, for that many to work at a time; the others wait their turn, first come first served. */
export const createSlots = (max: number) => {
  const waiting: Waiter[] = [];
  let taken = 0;

  return {
    /** Resolves with a place, which is given back with `release`; rejects with the reason of `signal` when that aborts first. */
    take: (signal: AbortSignal): Promise<void> => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (taken < max) {
        taken += 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const forget = whenAborted(signal, () => {
          waiter.gone = true;
          reject(signal.reason as Error);
        });
        const waiter: Waiter = {
          gone: false,
          begin: () => {
            forget();
            resolve();
          },
        };
        waiting.push(waiter);
      });
    },
    /** The place is handed over, so that nobody slips in between. */
    release: (): void => {
      let next = waiting.shift();
      while (next?.gone === true) next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next.begin();
    },
  };
};
