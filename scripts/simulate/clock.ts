import { setMaxListeners } from 'node:events';
import timersPromises from 'node:timers/promises';
import { createTimers, newActor, type Actor, type Timer } from './timers';

/** What `setTimeout` gives back, as far as anybody uses it. */
type Handle = { timer: Timer; ref: () => Handle; unref: () => Handle; hasRef: () => boolean; [Symbol.dispose]?: () => void };

export type Clock = ReturnType<typeof createClock>;

const START = Date.UTC(2030, 0, 1);
/** So many timers may fire in one instant. */
const MOST_AT_ONCE = 100_000;
const realSetImmediate = globalThis.setImmediate;

const aborted = (signal: AbortSignal): Error =>
  Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' });

/**
 * Virtual time for everything in this process: timers fire in their order as fast as they can be run, and between two of them promises
 * and ticks run dry. What a timer's callback sets off belongs to the actor that set the timer; so a killed process simply stops.
 */
export const createClock = ({ onError }: { onError: (actor: Actor, error: unknown) => void }) => {
  const world = newActor('world');
  const timers = createTimers();
  let now = START;
  let order = 0;
  let current = world;

  const add = (actor: Actor, ms: number, run: () => void, everyMs?: number): Timer => {
    const timer = { at: now + ms, order: order += 1, actor, run, cancelled: false, everyMs };
    timers.add(timer);
    return timer;
  };
  const again = (timer: Timer, ms: number): void => {
    timer.at = now + ms;
    timer.order = order += 1;
    timers.add(timer);
  };

  const fire = (timer: Timer): void => {
    const { actor } = timer;
    if (timer.cancelled || !actor.alive) return;
    if (actor.frozen) {
      actor.held.push(timer);
      return;
    }
    current = actor;
    try {
      timer.run();
    } catch (error) {
      onError(actor, error);
    }
    if (timer.everyMs !== undefined && !timer.cancelled) again(timer, timer.everyMs);
  };

  const handleOf = (timer: Timer): Handle => {
    const handle: Handle = { timer, ref: () => handle, unref: () => handle, hasRef: () => true };
    return handle;
  };
  /** Node's own least delay is a millisecond. */
  const delayOf = (ms: unknown): number => (typeof ms === 'number' && ms >= 1 ? Math.trunc(ms) : 1);
  const clear = (handle: Handle | undefined | null): void => {
    if (handle != null && 'timer' in handle) handle.timer.cancelled = true;
  };
  type Options = { signal?: AbortSignal };
  const later = (ms: number, value: unknown, { signal }: Options = {}): Promise<unknown> => new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(aborted(signal));
      return;
    }
    const abort = (): void => {
      timer.cancelled = true;
      reject(aborted(signal!));
    };
    const timer = add(current, ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    });
    if (signal === undefined) return;
    // Many wait under one signal.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort, { once: true });
  });

  const fakes = () => {
    const RealDate = globalThis.Date;
    class VirtualDate extends RealDate {
      constructor(...args: [] | [string | number | Date]) {
        if (args.length === 0) super(now);
        else super(...args);
      }

      static override now = (): number => now;
    }
    type Args = unknown[];
    return {
      Date: VirtualDate,
      setTimeout: (run: (...args: Args) => void, ms?: number, ...args: Args) => handleOf(add(current, delayOf(ms), () => run(...args))),
      setInterval: (run: (...args: Args) => void, ms?: number, ...args: Args) =>
        handleOf(add(current, delayOf(ms), () => run(...args), delayOf(ms))),
      setImmediate: (run: (...args: Args) => void, ...args: Args) => handleOf(add(current, 0, () => run(...args))),
      clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
    };
  };

  return {
    /** Whatever belongs to no service. */
    world,
    now: (): number => now,
    /** Since the beginning. */
    elapsed: (): number => now - START,
    /** Whose callback is running. */
    actor: (): Actor => current,
    /** Calls `run` in `ms` milliseconds, as `actor`. */
    after: (ms: number, run: () => void, actor = world): { cancel: () => void } => {
      const timer = add(actor, ms, run);
      return { cancel: () => void (timer.cancelled = true) };
    },
    /** Stops all that the actor does until `thaw`; what became due meanwhile is done then. */
    freeze: (actor: Actor): void => void (actor.frozen = true),
    thaw: (actor: Actor): void => {
      actor.frozen = false;
      for (const timer of actor.held.splice(0)) again(timer, 0);
    },
    /** Takes over the timers, the date and the clocks of this process. @returns what gives them back */
    install: (): (() => void) => {
      const global = globalThis as unknown as Record<string, unknown>;
      const taken: [Record<string, unknown>, string, unknown][] = [];
      const take = (from: object, name: string, fake: unknown): void => {
        const owner = from as Record<string, unknown>;
        taken.push([owner, name, owner[name]]);
        owner[name] = fake;
      };
      for (const [name, fake] of Object.entries(fakes())) take(global, name, fake);
      take(timersPromises, 'setTimeout', (ms?: number, value?: unknown, options?: object) => later(delayOf(ms), value, options));
      take(timersPromises, 'setImmediate', (value?: unknown, options?: object) => later(0, value, options));
      take(AbortSignal, 'timeout', (ms: number) => {
        const controller = new AbortController();
        add(current, ms, () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')));
        return controller.signal;
      });
      const realNow = performance.now.bind(performance);
      performance.now = () => now - START;
      return () => {
        for (const [owner, name, real] of taken.reverse()) owner[name] = real;
        performance.now = realNow;
      };
    },
    /** Runs until `done` says so. Rejects when nothing is left to happen, or when time stands still. */
    run: (done: () => boolean): Promise<void> => new Promise((resolve, reject) => {
      let atThisInstant = 0;
      const step = (): void => {
        if (done()) {
          resolve();
          return;
        }
        const timer = timers.take();
        if (timer === undefined) {
          reject(new Error('nothing is left to happen'));
          return;
        }
        atThisInstant = timer.at > now ? 0 : atThisInstant + 1;
        if (atThisInstant > MOST_AT_ONCE) {
          reject(new Error('time stands still'));
          return;
        }
        now = Math.max(now, timer.at);
        fire(timer);
        // A turn of the real event loop: ticks and promises run dry.
        realSetImmediate(step);
      };
      step();
    }),
  };
};
