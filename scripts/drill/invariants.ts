import { isDeepStrictEqual } from 'node:util';
import { createGap } from './gap';
import type { Load } from './load';
import { noSchemas, textOfValue, type Schemas } from '../lib/avro-values';
import type { Reach } from '../lib/reach';
import { readTopic, readTopics, type TopicRecord } from './read-topic';

export type Topics = { orders: string; payments: string; deadLetters: string };
/** Offsets that a group had committed at a time, by partition. */
export type CommitSample = { at: number; offsets: Map<number, number> };

type Payment = { data: { orderId: string; paymentId: string; amount: number } };
type DeadLetter = {
  originalPartition: number;
  originalOffset: string;
  originalValue: unknown;
  originalValueEncoding: 'json' | 'utf8' | 'base64' | 'none';
  errorType: string;
  retryCount: number;
  originalHeaders?: [name: string, value: string | null, inBase64?: 'base64' | 'both'][];
};
type Outcome = { where: string; offset: number; at: number };
/** How often each of the worst was found: none of them may be. */
export type Counts = {
  /** Orders that were accepted and are in no log. */
  falseAccepts: number;
  /** Records of `orders` without an outcome. */
  lost: number;
  /** Records that had no outcome yet when an offset beyond them had been committed. */
  committedEarly: number;
  /** Orders with two different paymentIds. */
  paidTwice: number;
};

const parsed = (record: TopicRecord, schemas = noSchemas): unknown => JSON.parse(textOfValue(record.value, schemas));
const groupBy = <T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};

const original = ({ originalValue, originalValueEncoding }: DeadLetter): Buffer | null => {
  switch (originalValueEncoding) {
    case 'json': return Buffer.from(JSON.stringify(originalValue));
    case 'utf8': return Buffer.from(String(originalValue));
    case 'base64': return Buffer.from(String(originalValue), 'base64');
    case 'none': return null;
  }
};

/** The headers of the original, one character for one byte. */
const originalHeaders = ({ originalHeaders: list = [] }: DeadLetter): TopicRecord['headers'] => list.map(([name, value, inBase64]) => {
  const latin1 = (text: string, isBase64: boolean): string => Buffer.from(text, isBase64 ? 'base64' : 'utf8').toString('latin1');
  return [latin1(name, inBase64 === 'both'), value === null ? null : latin1(value, inBase64 !== undefined)];
});

const MARK = ['redrive-count', 'redrive-of', 'redrive-letter'];
const withoutMark = (headers: TopicRecord['headers']): TopicRecord['headers'] => headers.filter(([name]) => !MARK.includes(name));

const orderIdOf = (record: TopicRecord, schemas: Schemas): string | undefined => {
  try {
    const { data } = parsed(record, schemas) as { data: { orderId: string } };
    return record.key?.toString() === data.orderId ? data.orderId : undefined;
  } catch {
    return undefined;
  }
};

const sameBytes = (one: Buffer | null, other: Buffer | null): boolean =>
  isDeepStrictEqual(one && Buffer.from(one), other && Buffer.from(other));

/** The text of a header; undefined if it has none. */
export const headerOf = ({ headers }: TopicRecord, name: string): string | undefined =>
  headers.find(([one]) => one === name)?.[1] ?? undefined;
export const redriveCountOf = (record: TopicRecord): number => Number(headerOf(record, 'redrive-count') ?? 0);

/** What a redrive put back is the original of the dead letter it names, and counts one more. Marks of others have no `redrive-letter`. */
const checkPutBack = (orders: TopicRecord[], deadLetters: TopicRecord[], redriveMax: number): string[] => {
  const byPosition = new Map(deadLetters.map((record) => [`${record.partition}:${record.offset}`, record]));
  return orders.flatMap((record) => {
    const position = headerOf(record, 'redrive-of');
    if (position === undefined || headerOf(record, 'redrive-letter') === undefined) return [];
    const where = `record ${record.partition}/${record.offset} of orders, put back from ${position},`;
    const from = byPosition.get(position);
    if (from === undefined) return [`${where} comes from no dead letter`];
    const faults = [];
    const letter = parsed(from) as DeadLetter;
    if (!sameBytes(record.key, from.key) || !sameBytes(record.value, original(letter))) faults.push('does not hold the original');
    if (!isDeepStrictEqual(withoutMark(record.headers), withoutMark(originalHeaders(letter)))) faults.push('has other headers than the original');
    if (record.headers.length !== withoutMark(record.headers).length + MARK.length) faults.push('has more than one mark');
    if (redriveCountOf(record) !== redriveCountOf(from) + 1) faults.push(`counts ${redriveCountOf(record)} after ${redriveCountOf(from)}`);
    if (redriveCountOf(record) > redriveMax) faults.push(`was put back ${redriveCountOf(record)} times`);
    return faults.map((fault) => `${where} ${fault}`);
  });
};

/** Where the topics are, and what the values in them were written with. */
export type On = { reach: Reach; topics: Topics; schemas?: () => Promise<Schemas> };

/** Records of `orders` that have an outcome and lie at or behind the group's committed offset: after a clean shutdown there is none. */
export const handledNotCommitted = async ({ reach, topics, schemas }: On, committed: Map<number, number>): Promise<string[]> => {
  const known = await schemas?.() ?? noSchemas;
  const paid = new Set((await readTopic(reach, topics.payments)).map(({ key }) => key?.toString()));
  const dead = new Set((await readTopic(reach, topics.deadLetters)).map((record) => {
    const { originalPartition, originalOffset } = parsed(record) as DeadLetter;
    return `${originalPartition}/${originalOffset}`;
  }));
  return (await readTopic(reach, topics.orders))
    .filter(({ partition, offset }) => offset >= (committed.get(partition) ?? 0))
    .filter((record) => dead.has(`${record.partition}/${record.offset}`) || paid.has(orderIdOf(record, known)))
    .map(({ partition, offset }) => `${partition}/${offset}`);
};

export type Judged = { violations: string[]; counts: Counts; duplicates: number; outcomeGapMs: number; records: number };

type Terms = {
  commits: CommitSample[];
  /** Whether the gateway may answer a record that is delivered again otherwise: it can have a dead letter and a payment then. */
  fatesVary?: boolean;
  /** How often a redrive may put the record of an order back. */
  redriveMax?: number;
};

/** Reads the three topics with an independent client and judges them. */
export const checkInvariants = async ({ reach, topics, schemas, ...more }: Terms & On & { load: Load }): Promise<Judged> =>
  judge({ ...await readTopics(reach, topics), schemas: await schemas?.(), ...more });

/**
 * Holds the records of the three topics, and every answer of service-a, against the contract's promises.
 * @returns what is broken, in words; empty when every promise holds. `duplicates` counts repeated outcomes, which are allowed;
 * `outcomeGapMs` is the longest time between two outcomes.
 */
export const judge = async ({
  orders, payments, deadLetters, schemas = noSchemas, load, commits, fatesVary = false, redriveMax = 3,
}: Terms & {
  orders: TopicRecord[];
  payments: TopicRecord[];
  deadLetters: TopicRecord[];
  schemas?: Schemas | undefined;
  load: Pick<Load, 'accepted' | 'violations' | 'look'>;
}): Promise<Judged> => {
  const counts: Counts = { falseAccepts: 0, lost: 0, committedEarly: 0, paidTwice: 0 };
  const violations = [...load.violations];
  const paymentOf = (record: TopicRecord) => ({ ...(parsed(record, schemas) as Payment).data, at: record.appendedAt });
  const paid = groupBy(payments.map(paymentOf), ({ orderId }) => orderId);
  const dead = groupBy(deadLetters.map((record) => ({ ...parsed(record) as DeadLetter, at: record.appendedAt })),
    ({ originalPartition, originalOffset }) => `${originalPartition}/${originalOffset}`);
  const orderRecords = new Map<string, TopicRecord[]>();
  const isDead = ({ partition, offset }: TopicRecord): boolean => dead.has(`${partition}/${offset}`);
  /** By partition, in the order of the log. */
  const outcomes = new Map<number, Outcome[]>();
  /** By key: when its records so far had their first outcome. */
  const lastOutcome = new Map<string, number>();
  // Where retention has cut the front off, a payment may be older than every order that is left.
  const cut = [0, 1, 2].some((partition) => (orders.find((record) => record.partition === partition)?.offset ?? 0) > 0);

  for (const record of orders) {
    const where = `${record.partition}/${record.offset}`;
    const orderId = orderIdOf(record, schemas);
    const letters = dead.get(where) ?? [];
    // A dead-lettered record may be put back, and its order be paid then: the payment is the outcome of the later record.
    const paidNow = orderId === undefined || letters.length > 0 ? [] : paid.get(orderId) ?? [];
    if (orderId !== undefined) orderRecords.set(orderId, [...orderRecords.get(orderId) ?? [], record]);
    if (letters.length === 0 && paidNow.length === 0) {
      counts.lost += 1;
      violations.push(`record ${where} of orders has no outcome (${orderId})`);
    }
    const bytes = letters[0] && original(letters[0]);
    if (bytes !== undefined && !sameBytes(bytes, record.value)) {
      violations.push(`the dead letter of ${where} does not hold the record's bytes`);
    }
    if (letters[0] !== undefined && !isDeepStrictEqual(originalHeaders(letters[0]), record.headers)) {
      violations.push(`the dead letter of ${where} does not hold the record's headers`);
    }
    const times = [...letters, ...paidNow].map(({ at }) => at);
    const key = record.key?.toString('latin1');
    if (key !== undefined) {
      const last = lastOutcome.get(key) ?? 0;
      // The order may have been paid for an earlier record too: one of its payments has to come behind what went before.
      const inOrder = times.filter((at) => at >= last);
      if (inOrder.length === 0) violations.push(`record ${where} of orders had its outcome before an earlier record of its key`);
      if (inOrder.length > 0) lastOutcome.set(key, Math.min(...inOrder));
    }
    const ofPartition = outcomes.get(record.partition) ?? [];
    outcomes.set(record.partition, ofPartition);
    ofPartition.push({ where, offset: record.offset, at: Math.min(...times) });
  }

  for (const [orderId, records] of fatesVary ? [] : orderRecords) {
    if (paid.has(orderId) && records.every(isDead)) violations.push(`${orderId} was paid, though each of its records was dead-lettered`);
    for (const [count, alike] of groupBy(records, (record) => String(redriveCountOf(record)))) {
      if (alike.some(isDead) && !alike.every(isDead)) violations.push(`records of ${orderId}, put back ${count} times, met different fates`);
    }
  }
  violations.push(...checkPutBack(orders, deadLetters, redriveMax));
  for (const orderId of load.accepted.keys()) {
    if (orderRecords.has(orderId)) continue;
    counts.falseAccepts += 1;
    violations.push(`accepted ${orderId} is not in orders`);
  }
  for (const [orderId, repeated] of paid) {
    if (new Set(repeated.map(({ paymentId }) => paymentId)).size > 1) {
      counts.paidTwice += 1;
      violations.push(`${orderId} was paid under more than one paymentId`);
    }
    if (!orderRecords.has(orderId) && !cut) violations.push(`payment for ${orderId}, which nobody ordered`);
  }
  const early = new Set<string>();
  for (const { at, offsets } of commits) {
    for (const [partition, committed] of offsets) {
      for (const { where, offset, at: outcomeAt } of outcomes.get(partition) ?? []) {
        if (offset >= committed) break;
        if (outcomeAt <= at || early.has(where)) continue;
        early.add(where);
        violations.push(`offset ${committed} of partition ${partition} was committed before ${where} had an outcome`);
      }
    }
  }
  counts.committedEarly = early.size;
  const gap = createGap();
  for (const { appendedAt } of [...payments, ...deadLetters].toSorted((x, y) => x.appendedAt - y.appendedAt)) gap.note(appendedAt);

  for (const orderId of load.accepted.keys()) {
    const view = await load.look(orderId);
    const payment = paid.get(orderId)?.[0];
    const expected = payment === undefined ? 'failed' : 'completed';
    if (view?.status !== expected || view.paymentId !== payment?.paymentId) {
      violations.push(`GET says ${view?.status} ${view?.paymentId} of ${orderId}, the topics say ${expected} ${payment?.paymentId}`);
    }
  }

  const repeats = [...orderRecords].reduce((sum, [orderId, records]) =>
    sum + Math.max(0, (paid.get(orderId)?.length ?? 0) - records.filter((record) => !isDead(record)).length), 0);
  const repeatedLetters = [...dead.values()].reduce((sum, letters) => sum + letters.length - 1, 0);
  return {
    violations: [...new Set([...violations, ...load.violations])], counts, duplicates: repeats + repeatedLetters,
    outcomeGapMs: gap.longestMs(), records: orders.length,
  };
};
