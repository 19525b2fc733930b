import type { Choice } from './api.ts';
import { parse } from './http.ts';
import { isRecord, isTime } from './kinds.ts';
import { planOf, type Plan } from './redrive.ts';

/** What was asked of a redrive: should service-b forget it, the page can still ask the log what was done. */
export type Asked = { choice: Choice; plan: Plan; startedAt: string };

const isChoice = (value: unknown): value is Choice => isRecord(value) && (Array.isArray(value.positions) || isRecord(value.filter));

/** What is used of a Storage. */
type Shelf = { getItem: (key: string) => string | null; setItem: (key: string, value: string) => void };

/** Remembers what this window asked for, over reloads. */
export const createMemory = (storage: Shelf) => ({
  save: (id: string, asked: Asked): void => storage.setItem(`redrive.${id}`, JSON.stringify(asked)),
  load: (id: string): Asked | undefined => {
    const held = parse(storage.getItem(`redrive.${id}`) ?? '');
    if (!isRecord(held) || !isChoice(held.choice) || !isTime(held.startedAt)) return undefined;
    const plan = planOf(held.plan);
    return plan && { choice: held.choice, plan, startedAt: held.startedAt as string };
  },
});
