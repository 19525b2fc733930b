import { randomUUID } from 'node:crypto';
import type { Logger } from '../utils/logger';
import type { RedriveRequest } from './command';
import type { Letter } from './letter';
import type { Outcome, Plan } from './redrive';

/** What the page is told of a redrive. */
export type Redrive = {
  id: string;
  state: 'running' | 'done' | 'stopped' | 'failed';
  startedAt: string;
  endedAt: string | null;
  rate: number | null;
  chosen: number;
  toPutBack: number;
  putBack: number;
  skipped: { reason: string; count: number }[];
  refused: string[];
  /** What became of those that were put back, as far as it is known. */
  paid: number;
  failedAgain: number;
  pending: number;
  error: string | null;
};

/** Runs a redrive by the command's code; `confirm` and `onRedriven` as there. */
export type RunRedrive = (request: RedriveRequest, hooks: {
  confirm: (plan: Plan) => Promise<boolean>;
  onRedriven: (position: string) => void;
  signal: AbortSignal;
}) => Promise<Outcome>;

/** One runs already. */
export class RedriveRunsError extends Error {
  override readonly name = 'RedriveRunsError';

  constructor(readonly id: string) {
    super('a redrive is under way');
  }
}

class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

const KEPT = 20;
/** Nobody waits any longer for what becomes of an order. */
const PENDING_MS = 600_000;
const REFUSED_SHOWN = 1_000;

export const skippedOf = ({ skipped }: Plan): Redrive['skipped'] => [...skipped].map(([reason, count]) => ({ reason, count }));

/** What KafkaJS and Node say holds addresses, and so may what tells of it as its cause: that is for the log. */
const toldOf = (error: unknown): string => {
  const isOwn = error instanceof Error && !error.name.startsWith('KafkaJS') && !('code' in error) && error.cause === undefined;
  return isOwn ? error.message : 'the broker cannot be reached, or refuses it';
};

type Entry = { told: Redrive; pending: Set<string>; stop: AbortController; done: Promise<void> };

export type Redrives = ReturnType<typeof createRedrives>;

/** The redrives of this process: one at a time, the last ones kept. What they did stands in the log, whatever becomes of the process. */
export const createRedrives = ({ run, find, moved, logger, now = Date.now }: {
  run: RunRedrive;
  find: (position: string) => Letter | undefined;
  /** Hears of each change of one. */
  moved: (redrive: Redrive) => void;
  logger: Logger;
  now?: () => number;
}) => {
  const entries = new Map<string, Entry>();

  const running = (): Entry | undefined => [...entries.values()].find(({ told }) => told.state === 'running');

  const move = (entry: Entry, change: Partial<Redrive>): void => {
    entry.told = { ...entry.told, ...change, pending: entry.pending.size };
    moved(entry.told);
  };

  const settle = (entry: Entry, letter: Letter): void => {
    if (!(letter.paid || letter.failedAgain) || !entry.pending.delete(letter.position)) return;
    const { paid, failedAgain } = entry.told;
    move(entry, letter.paid ? { paid: paid + 1 } : { failedAgain: failedAgain + 1 });
  };

  const countRedriven = (entry: Entry, position: string): void => {
    entry.pending.add(position);
    move(entry, { putBack: entry.told.putBack + 1 });
    const letter = find(position);
    if (letter !== undefined) settle(entry, letter);
  };

  const end = (entry: Entry, change: Partial<Redrive> & Pick<Redrive, 'state'>): void => {
    move(entry, { ...change, endedAt: new Date(now()).toISOString() });
    const { id, state, chosen, putBack: count } = entry.told;
    logger.info('redrive ended', { redrive: id, state, chosen, putBack: count });
    setTimeout(() => {
      entry.pending.clear();
      move(entry, {});
    }, PENDING_MS).unref();
  };

  const failureOf = ({ told: { id } }: Entry, error: unknown): Pick<Redrive, 'state' | 'error'> => {
    if (error instanceof StoppedError) return { state: 'stopped', error: null };
    logger.warn('redrive failed', { redrive: id, error });
    return { state: 'failed', error: toldOf(error) };
  };

  const drive = async (entry: Entry, request: RedriveRequest): Promise<void> => {
    const { signal } = entry.stop;
    try {
      const outcome = await run(request, {
        signal,
        confirm: async (plan) => {
          move(entry, { chosen: plan.chosen, toPutBack: plan.toPutBack, skipped: skippedOf(plan) });
          return true;
        },
        onRedriven: (position) => countRedriven(entry, position),
      });
      const { chosen, toPutBack, refused, stopped } = outcome;
      const told = { chosen, toPutBack, skipped: skippedOf(outcome), refused: refused.slice(0, REFUSED_SHOWN) };
      end(entry, { ...told, ...(stopped === undefined ? { state: 'done' as const } : failureOf(entry, stopped)) });
    } catch (error) {
      end(entry, failureOf(entry, error));
    }
  };

  return {
    /** @throws RedriveRunsError */
    start: (request: RedriveRequest): Redrive => {
      const other = running();
      if (other !== undefined) throw new RedriveRunsError(other.told.id);
      const told: Redrive = {
        id: randomUUID(), state: 'running', startedAt: new Date(now()).toISOString(), endedAt: null,
        rate: Number.isFinite(request.rate) ? request.rate : null,
        chosen: 0, toPutBack: 0, putBack: 0, skipped: [], refused: [], paid: 0, failedAgain: 0, pending: 0, error: null,
      };
      const entry: Entry = { told, pending: new Set(), stop: new AbortController(), done: Promise.resolve() };
      entries.set(told.id, entry);
      for (const id of [...entries.keys()].slice(0, -KEPT)) entries.delete(id);
      logger.info('redrive started', { redrive: told.id });
      entry.done = drive(entry, request);
      return told;
    },
    get: (id: string): Redrive | undefined => entries.get(id)?.told,
    /** The last one first. */
    list: (): Redrive[] => [...entries.values()].map(({ told }) => told).reverse(),
    /** What is sent stays. @returns undefined when there is none with this id */
    stop: (id: string): Redrive | undefined => {
      const entry = entries.get(id);
      entry?.stop.abort(new StoppedError('stopped'));
      return entry?.told;
    },
    /** Something became of a letter. */
    onLetter: (letter: Letter): void => {
      for (const entry of entries.values()) settle(entry, letter);
    },
    /** Whether something is still to be known of one. */
    isWaiting: (): boolean => [...entries.values()].some(({ told, pending }) => told.state === 'running' || pending.size > 0),
    /** Stops the one that runs, and resolves when it has ended. */
    close: async (): Promise<void> => {
      const entry = running();
      entry?.stop.abort(new StoppedError('the service stops'));
      await entry?.done;
    },
  };
};
