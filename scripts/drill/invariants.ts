import { isDeepStrictEqual } from 'node:util';
import type { Load } from './load';
import { readTopic, type TopicRecord } from './read-topic';

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
};
type Outcome = { kind: 'payment' | 'dead letter'; at: number };

const json = (record: TopicRecord): unknown => JSON.parse(record.value?.toString() ?? 'null');
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

const orderIdOf = (record: TopicRecord): string | undefined => {
  try {
    const { data } = json(record) as { data: { orderId: string } };
    return record.key?.toString() === data.orderId ? data.orderId : undefined;
  } catch {
    return undefined;
  }
};

/** Records of `orders` that have an outcome and lie at or behind the group's committed offset: after a clean shutdown there is none. */
export const handledNotCommitted = async (brokers: string, topics: Topics, committed: Map<number, number>): Promise<string[]> => {
  const paid = new Set((await readTopic(brokers, topics.payments)).map(({ key }) => key?.toString()));
  const dead = new Set((await readTopic(brokers, topics.deadLetters)).map((record) => {
    const { originalPartition, originalOffset } = json(record) as DeadLetter;
    return `${originalPartition}/${originalOffset}`;
  }));
  return (await readTopic(brokers, topics.orders))
    .filter(({ partition, offset }) => offset >= (committed.get(partition) ?? 0))
    .filter((record) => dead.has(`${record.partition}/${record.offset}`) || paid.has(orderIdOf(record)))
    .map(({ partition, offset }) => `${partition}/${offset}`);
};

/**
 * Reads the three topics with an independent client and holds them, and every answer of service-a, against the contract's promises.
 * @returns what is broken, in words; empty when every promise holds. `duplicates` counts repeated outcomes, which are allowed.
 */
export const checkInvariants = async ({ brokers, topics, load, commits }: {
  brokers: string;
  topics: Topics;
  load: Load;
  commits: CommitSample[];
}): Promise<{ violations: string[]; duplicates: number; records: number }> => {
  const violations = [...load.violations];
  const [orders, payments, deadLetters] = [
    await readTopic(brokers, topics.orders), await readTopic(brokers, topics.payments), await readTopic(brokers, topics.deadLetters),
  ];
  const paid = groupBy(payments.map((record) => ({ ...(json(record) as Payment).data, at: record.appendedAt })), ({ orderId }) => orderId);
  const dead = groupBy(deadLetters.map((record) => ({ ...json(record) as DeadLetter, at: record.appendedAt })),
    ({ originalPartition, originalOffset }) => `${originalPartition}/${originalOffset}`);
  const orderRecords = new Map<string, TopicRecord[]>();
  const outcomes = new Map<string, Outcome>();
  /** By key: when its records so far had their first outcome. */
  const lastOutcome = new Map<string, number>();
  // Where retention has cut the front off, a payment may be older than every order that is left.
  const cut = [0, 1, 2].some((partition) => (orders.find((record) => record.partition === partition)?.offset ?? 0) > 0);

  for (const record of orders) {
    const where = `${record.partition}/${record.offset}`;
    const orderId = orderIdOf(record);
    const letters = dead.get(where) ?? [];
    const paidNow = orderId === undefined ? [] : paid.get(orderId) ?? [];
    if (orderId !== undefined) orderRecords.set(orderId, [...orderRecords.get(orderId) ?? [], record]);
    if (letters.length === 0 && paidNow.length === 0) violations.push(`record ${where} of orders has no outcome (${orderId})`);
    if (letters.length > 0 && paidNow.length > 0) violations.push(`record ${where} of orders was paid and dead-lettered (${orderId})`);
    const bytes = letters[0] && original(letters[0]);
    if (bytes !== undefined && !isDeepStrictEqual(bytes && Buffer.from(bytes), record.value && Buffer.from(record.value))) {
      violations.push(`the dead letter of ${where} does not hold the record's bytes`);
    }
    const first = Math.min(...[...letters, ...paidNow].map(({ at }) => at));
    const key = record.key?.toString('latin1');
    if (key !== undefined) {
      if (first < (lastOutcome.get(key) ?? 0)) violations.push(`record ${where} of orders had its outcome before an earlier record of its key`);
      lastOutcome.set(key, Math.max(first, lastOutcome.get(key) ?? 0));
    }
    outcomes.set(where, { kind: letters.length > 0 ? 'dead letter' : 'payment', at: first });
  }

  for (const orderId of load.accepted.keys()) {
    if (!orderRecords.has(orderId)) violations.push(`accepted ${orderId} is not in orders`);
  }
  for (const [orderId, repeated] of paid) {
    if (new Set(repeated.map(({ paymentId }) => paymentId)).size > 1) violations.push(`${orderId} was paid under more than one paymentId`);
    if (!orderRecords.has(orderId) && !cut) violations.push(`payment for ${orderId}, which nobody ordered`);
  }
  for (const { at, offsets } of commits) {
    for (const [partition, committed] of offsets) {
      const early = [...outcomes].find(([where, outcome]) => {
        const [p, o] = where.split('/').map(Number);
        return p === partition && o! < committed && outcome.at > at;
      });
      if (early !== undefined) violations.push(`offset ${committed} of partition ${partition} was committed before ${early[0]} had an outcome`);
    }
  }

  for (const orderId of load.accepted.keys()) {
    const view = await load.look(orderId);
    const payment = paid.get(orderId)?.[0];
    const expected = payment === undefined ? 'failed' : 'completed';
    if (view?.status !== expected || view.paymentId !== payment?.paymentId) {
      violations.push(`GET says ${view?.status} ${view?.paymentId} of ${orderId}, the topics say ${expected} ${payment?.paymentId}`);
    }
  }

  const repeats = [...orderRecords].reduce((sum, [orderId, records]) =>
    sum + Math.max(0, (paid.get(orderId)?.length ?? 0) - records.length), 0);
  const repeatedLetters = [...dead.values()].reduce((sum, letters) => sum + letters.length - 1, 0);
  return { violations: [...new Set([...violations, ...load.violations])], duplicates: repeats + repeatedLetters, records: orders.length };
};
