import type { Choice } from './api.ts';
import type { Asked } from './memory.ts';
import { patiently } from './patience.ts';
import { lostText, redriveText, type Plan, type Redrive } from './redrive.ts';

/** What is known of a redrive. */
export type View = {
  id: string;
  /** As it was last told. */
  redrive: Redrive | undefined;
  text: string;
  /** Whether it can be stopped. */
  running: boolean;
  /** What to choose to put back what was not, where something may be left and it is known. */
  rest: Choice | undefined;
};

/** Has ended, and of all that was put back the outcome is known. */
const isSettled = (redrive: Redrive | undefined): boolean => redrive !== undefined && redrive.state !== 'running' && redrive.pending === 0;

/** The same choice less what failed after it was made: of a filter, that would come to it. */
const asItWas = ({ choice, startedAt }: Asked): Choice => {
  if ('positions' in choice) return choice;
  const { until } = choice.filter;
  return { filter: { ...choice.filter, until: until !== undefined && Date.parse(until) < Date.parse(startedAt) ? until : startedAt } };
};

/**
 * Follows one redrive, whoever began it: through reloads, outages, and beyond the end of the process that ran it. Then the log is asked
 * what was done, by a dry run.
 */
export const createTrack = ({ fetchRedrive, fetchRunning, dryRun, memory, onView, onAdopt }: {
  fetchRedrive: (id: string) => Promise<Redrive | undefined>;
  fetchRunning: () => Promise<Redrive | undefined>;
  dryRun: (choice: Choice) => Promise<Plan>;
  memory: { save: (id: string, asked: Asked) => void; load: (id: string) => Asked | undefined };
  onView: (view: View | undefined) => void;
  /** Another redrive is followed now. */
  onAdopt: (id: string) => void;
}) => {
  let id: string | undefined;
  let redrive: Redrive | undefined;
  let live = true;
  let lost: { now: Plan | undefined } | undefined;
  let asking: AbortController | undefined;

  const tell = (): void => {
    if (id === undefined) {
      onView(undefined);
      return;
    }
    const asked = memory.load(id);
    const text = lost !== undefined ? lostText(asked?.plan, lost.now) : redrive === undefined ? 'Asking for it …' : redriveText(redrive, live);
    const running = lost === undefined && redrive?.state === 'running';
    const isLeft = lost !== undefined ? lost.now !== undefined && lost.now.toPutBack > 0 : redrive?.state === 'stopped' || redrive?.state === 'failed';
    onView({ id, redrive, text, running, rest: isLeft ? asked?.choice : undefined });
  };

  const adopt = (next: Redrive): void => {
    asking?.abort();
    const isOther = next.id !== id;
    [id, redrive, lost] = [next.id, next, undefined];
    tell();
    if (isOther) onAdopt(next.id);
  };

  const lose = async (of: string, signal: AbortSignal): Promise<void> => {
    // What it came to was told before.
    if (isSettled(redrive)) return;
    const asked = memory.load(of);
    lost = { now: undefined };
    if (asked !== undefined) lost = { now: await patiently(() => dryRun(asItWas(asked)), { signal }) };
    signal.throwIfAborted();
    tell();
  };

  const ask = async (): Promise<void> => {
    asking?.abort();
    const { signal } = asking = new AbortController();
    const of = id;
    try {
      const found = await patiently(() => of === undefined ? fetchRunning() : fetchRedrive(of), { signal });
      signal.throwIfAborted();
      if (found !== undefined) adopt(found);
      else if (of !== undefined) await lose(of, signal);
    } catch (error) {
      if (!signal.aborted) console.warn('the redrive cannot be asked for', error);
    }
  };

  return {
    /** Follows the one that the address names, or none. */
    show: (next: string | undefined): void => {
      if (next === id) return;
      asking?.abort();
      [id, redrive, lost] = [next, undefined, undefined];
      tell();
      if (id !== undefined) void ask();
    },
    begun: (next: Redrive, choice: Choice, plan: Plan): void => {
      memory.save(next.id, { choice, plan, startedAt: next.startedAt });
      adopt(next);
    },
    /** Takes news of any redrive: of one that somebody else has begun too, once none is under way here. */
    told: (next: Redrive): void => {
      if (next.id === id || (next.state === 'running' && redrive?.state !== 'running')) adopt(next);
    },
    /** Asks again, for the one that is followed or for any that is under way. */
    again: (): void => void ask(),
    /** @param now whether service-b answers */
    connected: (now: boolean): void => {
      live = now;
      if (now) void ask();
      else tell();
    },
  };
};
