import type { Filter } from './address.ts';
import { listOf, orNone, request } from './http.ts';
import { isRecord } from './kinds.ts';
import { detailOf, isLetter, isTypeCount, type Detail, type Letter, type TypeCount } from './letter.ts';
import { planOf, redriveOf, type Plan, type Redrive } from './redrive.ts';
import { standingOf, type Standing } from './standing.ts';

export type LetterPage = {
  letters: Letter[];
  next: string | undefined;
  total: number;
  types: TypeCount[];
  asOf: string;
  /** How many records are yet to be read. */
  left: number;
  /** Whether the oldest are left out for want of room. */
  cut: boolean;
};

/** What is to be put back. */
export type Choice = { positions: string[] } | { filter: Filter };

/** An answer that is none of those that were agreed. */
const odd = (what: string): Error => new Error(`service-b answered with something that is no ${what}.`);

const numberOf = (value: unknown): number => typeof value === 'number' ? value : 0;

/** A page of the list, the newest first. */
export const fetchLetters = async (
  filter: Filter, { after, limit }: { after: string | undefined; limit: number }, signal: AbortSignal,
): Promise<LetterPage> => {
  const query = new URLSearchParams({ ...filter, limit: String(limit), ...(after !== undefined && { after }) });
  const answer = await request(`/dead-letters?${query.toString()}`, { signal });
  if (!isRecord(answer)) throw odd('list');
  const { items, next, total, types, asOf, left, cut } = answer;
  return {
    letters: listOf(items, isLetter), next: typeof next === 'string' ? next : undefined, total: numberOf(total), types: listOf(types, isTypeCount),
    asOf: String(asOf), left: numberOf(left), cut: cut === true,
  };
};

/** @returns undefined when there is no such dead letter */
export const fetchLetter = async (position: string): Promise<Detail | undefined> => {
  const [partition, offset] = position.split(':');
  return detailOf(await orNone(request(`/dead-letters/${partition!}/${offset!}`)));
};

const postRedrive = (body: object): Promise<unknown> =>
  request('/dead-letters/redrives', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** What putting it back would do; nothing is done. */
export const dryRun = async (choice: Choice): Promise<Plan> => {
  const plan = planOf(await postRedrive({ ...choice, dryRun: true }));
  if (plan === undefined) throw odd('plan');
  return plan;
};

/** @param rate the most to put back in a second */
export const beginRedrive = async (choice: Choice, rate: number): Promise<Redrive> => {
  const redrive = redriveOf(await postRedrive({ ...choice, rate, dryRun: false }));
  if (redrive === undefined) throw odd('redrive');
  return redrive;
};

const pathOf = (id: string): string => `/dead-letters/redrives/${encodeURIComponent(id)}`;

/** @returns undefined when service-b knows no such redrive: it was started anew since */
export const fetchRedrive = async (id: string): Promise<Redrive | undefined> => redriveOf(await orNone(request(pathOf(id))));

export const stopRedrive = async (id: string): Promise<void> => void await request(pathOf(id), { method: 'DELETE' });

/** The redrive that is under way, whoever began it. */
export const fetchRunning = async (): Promise<Redrive | undefined> => {
  const answer = await request('/dead-letters/redrives');
  const listed: unknown[] = isRecord(answer) && Array.isArray(answer.redrives) ? answer.redrives : [];
  return listed.map(redriveOf).find((redrive) => redrive?.state === 'running');
};

export const fetchStanding = async (): Promise<Standing> => {
  const standing = standingOf(await request('/status'));
  if (standing === undefined) throw odd('status');
  return standing;
};
