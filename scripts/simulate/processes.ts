import type { Logger } from '../../service-a/src/utils/logger';
import type { Clock } from './clock';
import { newActor, type Actor } from './timers';
import { passByReference } from './wire';

const STOP_MS = 9_500;

export type Process<T extends Stoppable> = ReturnType<typeof createProcess<T>>;

type Stoppable = { stop: () => Promise<void> };

/** Puts an error with its causes in words. */
const inWords = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message}${error.cause === undefined ? '' : ` <- ${inWords(error.cause)}`}`;
};

/** A logger of which the trace is told; the services need no more of winston than this. */
const loggerOf = (name: string, trace: (what: string) => void): Logger => {
  const write = (level: string) => (message: string, fields: Record<string, unknown> = {}): void => {
    const told = Object.entries(fields).filter(([key]) => key !== 'stack').map(([key, value]) =>
      `${key}=${value instanceof Error ? inWords(value) : typeof value === 'bigint' ? value : JSON.stringify(value)}`);
    trace(`${name} ${level}: ${message} ${told.join(' ')}`);
  };
  const ignored = (): void => undefined;
  return {
    error: write('error'), warn: write('warn'), info: write('info'), debug: ignored, isDebugEnabled: () => false,
    log: (level: string, message: string, fields: Record<string, unknown>) => (level === 'debug' ? undefined : write(level)(message, fields)),
  } as unknown as Logger;
};

/** One service's process after the other, under one name: it is killed, frozen, asked to stop, and started anew. */
export const createProcess = <T extends Stoppable>({ name, clock, start, trace }: {
  name: string;
  clock: Clock;
  start: (logger: Logger) => T;
  trace: (what: string) => void;
}) => {
  let actor: Actor = newActor(name);
  let service: T | undefined;
  let starts = 0;
  let onEnd = new Set<() => void>();

  const begin = (): void => {
    starts += 1;
    const mine = newActor(starts === 1 ? name : `${name}'${starts}`);
    actor = mine;
    trace(`${mine.name} starts`);
    clock.after(0, () => {
      service = start(loggerOf(mine.name, trace));
      passByReference();
    }, mine);
  };

  const end = (ended: Actor, how: string): void => {
    if (!ended.alive) return;
    trace(`${ended.name} ${how}`);
    ended.alive = false;
    service = undefined;
    const heard = onEnd;
    onEnd = new Set();
    for (const hear of heard) hear();
  };

  return {
    name,
    begin,
    /** The service, while its process runs. */
    service: (): T | undefined => (actor.alive ? service : undefined),
    /** How often one was started. */
    starts: (): number => starts,
    isAlive: (): boolean => starts > 0 && actor.alive,
    kill: (): void => end(actor, 'is killed'),
    freeze: (): void => {
      trace(`${actor.name} is frozen`);
      clock.freeze(actor);
    },
    thaw: (): void => {
      trace(`${actor.name} goes on`);
      clock.thaw(actor);
    },
    /** SIGTERM. */
    terminate: (): void => {
      const mine = actor;
      trace(`${mine.name} is asked to stop`);
      clock.after(0, () => {
        const stopped = (): void => void clock.after(0, () => end(mine, 'has stopped'));
        service?.stop().then(stopped, stopped);
      }, mine);
      clock.after(STOP_MS, () => end(mine, 'took too long to stop'));
    },
    /** Does something as this process. `ended` hears if the process ends before `done` is called. */
    call: (ended: () => void, work: (service: T, done: (then: () => void) => void) => void): void => {
      const running = service;
      if (running === undefined) return void ended();
      let open = true;
      const close = (then: () => void): void => {
        if (!open) return;
        open = false;
        onEnd.delete(lost);
        clock.after(1, then);
      };
      const lost = (): void => close(ended);
      onEnd.add(lost);
      clock.after(1, () => work(running, close), actor);
    },
  };
};
