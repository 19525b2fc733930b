import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Books, Charge, ChargeRequest, Entry, Key } from './books';
import { fateOf, type Rates } from './fates';
import type { createFaults } from './faults';

/** What the caller gets: an answer, none at all, or a lost connection. */
export type Reply = { kind: 'answer'; status: number; body?: unknown; replayed?: boolean } | { kind: 'hang' } | { kind: 'reset' };

const answer = (status: number, body?: unknown): Reply => ({ kind: 'answer', status, body });
const sameBody = (one: ChargeRequest, other: ChargeRequest): boolean =>
  one.reference === other.reference && one.amount === other.amount && one.currency === other.currency;

const saved = (given: NonNullable<Key['answer']>): Reply => {
  if (given.status === 500) return answer(500, { title: 'Internal Server Error', status: 500 });
  if (given.status === 402) return answer(402, { status: 'declined', reason: 'payment gateway declined' });
  const { id, reference, amount, currency, status } = given.charge;
  return answer(201, { id, reference, amount, currency, status });
};

/**
 * Charges as a payment provider does that keeps its contract: the first answer of a key is booked before it is given, and given again to
 * every later call; a key that is being worked on is 409, a key with another body 422. Faults come before the booking or after it.
 */
export const createCharging = ({ append, books, faults, rates }: {
  /** Resolves once the entry is on the disk. */
  append: (entry: Entry) => Promise<void>;
  books: Books;
  faults: ReturnType<typeof createFaults>;
  rates: Rates;
}) => {
  const pending = new Map<string, Charge>();
  /** Calls under a key in this process, and how many of them were turned away by fate. */
  const calls = new Map<string, { all: number; unavailable: number }>();

  const record = async (entry: Entry): Promise<void> => {
    await append(entry);
    books.apply(entry);
  };

  /** Known, or made known; a key beyond its lifetime begins anew. */
  const keyFor = (key: string, request: ChargeRequest): Key => {
    const known = books.key(key);
    const { forgetAfterMs } = faults.current();
    if (known !== undefined && (forgetAfterMs === 0 || known.seenAt + forgetAfterMs > Date.now())) return known;
    const entry: Entry = { type: 'key', key, ...request, at: new Date().toISOString() };
    // On the disk before the charge is, since lines keep their order; by itself it changes no money.
    append(entry).catch(() => undefined);
    books.apply(entry);
    return books.key(key)!;
  };

  const work = async (entry: Key, call: number, status: 'approved' | 'declined'): Promise<void> => {
    const { key, reference, amount, currency } = entry;
    const id = `ch_${randomUUID()}`;
    const { latencyMs, slowMs } = faults.current();
    pending.set(key, { id, reference, amount, currency, key, status: 'pending', createdAt: new Date().toISOString() });
    try {
      const ms = latencyMs + (faults.hits('slow', key, call) ? slowMs : 0);
      if (ms > 0) await sleep(ms);
      await record({ type: 'charge', key, id, status, at: new Date().toISOString() });
    } finally {
      pending.delete(key);
    }
  };

  const charge = async (key: string, request: ChargeRequest): Promise<Reply> => {
    if (faults.tooMany()) return answer(429);
    const entry = keyFor(key, request);
    if (!sameBody(entry, request)) return answer(422, { title: 'Unprocessable Entity', status: 422, detail: 'This key was used with another body.' });
    if (pending.has(key)) return answer(409, { title: 'Conflict', status: 409, detail: 'This key is being worked on.' });
    const count = calls.get(key) ?? { all: 0, unavailable: 0 };
    calls.set(key, count);
    const call = (count.all += 1);
    let replayed = true;
    if (entry.answer === undefined) {
      replayed = false;
      if (faults.hits('hangBefore', key, call)) return { kind: 'hang' };
      if (faults.hits('errorBefore', key, call)) return answer(503);
      const fate = fateOf({ reference: request.reference, number: entry.number, calls: count.unavailable }, rates);
      if (fate === 'unavailable') {
        count.unavailable += 1;
        return answer(503);
      }
      if (faults.hits('savedError', key, 0)) await record({ type: 'error', key, at: new Date().toISOString() });
      else await work(entry, call, fate);
    }
    if (faults.hits('hangAfter', key, call)) return { kind: 'hang' };
    if (faults.hits('errorAfter', key, call)) return answer(503);
    if (faults.hits('resetAfter', key, call)) return { kind: 'reset' };
    return { ...saved(books.key(key)!.answer!), ...(replayed && { replayed }) };
  };

  return {
    charge,
    /** What is known of a reference: what is booked, and what is being worked on. */
    chargesOf: (reference: string): Charge[] =>
      [...books.chargesOf(reference), ...[...pending.values()].filter((one) => one.reference === reference)],
    newest: (limit: number): Charge[] => [...[...pending.values()].reverse(), ...books.newest(limit)].slice(0, limit),
    /** Resolves when nothing is being worked on, or after `ms`. */
    drained: async (ms: number): Promise<void> => {
      for (const end = Date.now() + ms; pending.size > 0 && Date.now() < end;) await sleep(20);
    },
  };
};
