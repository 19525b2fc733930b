import type { Clock } from './clock';
import type { Process } from './processes';

/** Twice as long as 2,000 seeds ever took, and far from the 30 s after which a consumer without a sign of life is built anew. */
const IN_TOUCH_MS = 18_000;

/** Holds every process to be in touch with its brokers soon after all was put right, or after its start. */
export const createInTouch = ({ clock, processes, onViolation }: {
  clock: Clock;
  processes: Process<{ stop: () => Promise<void>; inTouch: () => boolean }>[];
  onViolation: (what: string) => void;
}) => {
  const done = new Set<string>();
  return {
    look: (healedAt: number): void => {
      if (clock.now() < healedAt) return;
      for (const { name, service, startedAt } of processes) {
        const since = clock.now() - Math.max(healedAt, startedAt());
        const isInTouch = service()?.inTouch() === true;
        if (done.has(name) || (!isInTouch && since <= IN_TOUCH_MS)) continue;
        done.add(name);
        if (!isInTouch) onViolation(`${name} is not in touch with its brokers ${IN_TOUCH_MS / 1_000} s after all was put right`);
      }
    },
  };
};
