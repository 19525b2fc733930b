import type { Changes } from './order-store';

export type Waiters = ReturnType<typeof createWaiters>;

/** Those who wait for an order to be finished. One who waits costs a timer and memory, and nothing while other orders change. */
export const createWaiters = (changes: Pick<Changes, 'onChange'>) => {
  const waiting = new Map<string, Set<() => void>>();
  let count = 0;
  let closed = false;

  changes.onChange((orderId, status) => {
    if (status !== 'pending') waiting.get(orderId)?.forEach((end) => end());
  });

  return {
    /** `over` resolves when a pending order is finished, when `ms` have passed, at `cancel` and at `close`, whichever is first. */
    wait: (orderId: string, ms: number): { over: Promise<void>; cancel: () => void } => {
      let cancel: () => void = () => undefined;
      const over = new Promise<void>((resolve) => {
        const others = waiting.get(orderId) ?? new Set();
        const timer = setTimeout(() => cancel(), closed ? 0 : ms);
        cancel = () => {
          clearTimeout(timer);
          if (others.delete(cancel)) count -= 1;
          if (others.size === 0) waiting.delete(orderId);
          resolve();
        };
        waiting.set(orderId, others.add(cancel));
        count += 1;
      });
      return { over, cancel };
    },
    /** How many wait. */
    size: (): number => count,
    /** Nobody waits any longer, nor will. */
    close: (): void => {
      closed = true;
      for (const those of waiting.values()) those.forEach((end) => end());
    },
  };
};
