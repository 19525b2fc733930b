import { readFile } from 'node:fs/promises';
import { createBooks, readEntries, type Charge } from '../provider/books';
import { noSchemas, textOfValue } from '../lib/avro-values';
import type { On } from './invariants';
import { readTopic } from './read-topic';

type Payment = { data: { orderId: string; amount: number; currency: string } };
type DeadLetter = { originalKey: string | null; errorMessage: string };

const groupBy = <T>(items: T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...groups.get(keyOf(item)) ?? [], item]);
  return groups;
};

const readLedger = async (file: string): Promise<Charge[]> => {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  return createBooks(readEntries(lines.map((line): unknown => JSON.parse(line)))).newest(Infinity);
};

/**
 * Holds the money against the topics: what the provider's ledger has booked, and what `payments` and the dead letters say.
 * - No order has two approved charges.
 * - Every order in `payments` has one, of its amount and currency.
 * - An approved charge without a payment has a dead letter that names it, by its id or its idempotency key: a redrive will find it.
 * @param allPaid there is to be no approved charge without a payment, since all that failed was put back to a healthy provider
 * @returns what is broken, in words; `lost` counts paid orders with a dead letter that names their charge: its answer was lost until the
 *   retries were over
 */
export const compareWithLedger = async ({ reach, topics, schemas, ledger, allPaid }: On & {
  ledger: string;
  allPaid: boolean;
}): Promise<{ violations: string[]; charges: number; lost: number; messages: string[] }> => {
  const approved = (await readLedger(ledger)).filter(({ status }) => status === 'approved');
  const known = await schemas?.() ?? noSchemas;
  const valuesOf = async <T>(topic: string): Promise<T[]> =>
    (await readTopic(reach, topic)).map(({ value }) => JSON.parse(textOfValue(value, known)) as T);
  const paid = groupBy((await valuesOf<Payment>(topics.payments)).map(({ data }) => data), ({ orderId }) => orderId);
  const letters = groupBy(await valuesOf<DeadLetter>(topics.deadLetters), ({ originalKey }) => originalKey ?? '');
  const charged = groupBy(approved, ({ reference }) => reference);
  const violations: string[] = [];

  for (const [orderId, payments] of paid) {
    const charge = charged.get(orderId)?.[0];
    if (charge === undefined) violations.push(`${orderId} is in payments, but was never charged`);
    for (const { amount, currency } of charge === undefined ? [] : payments) {
      if (amount === charge?.amount && currency === charge.currency) continue;
      violations.push(`${orderId} is in payments with ${amount} ${currency}, but was charged ${charge?.amount} ${charge?.currency}`);
    }
  }
  let lost = 0;
  for (const [orderId, charges] of charged) {
    if (charges.length > 1) violations.push(`${orderId} was charged ${charges.length} times: ${charges.map(({ key }) => key).join(', ')}`);
    const named = ({ id, key }: Charge): boolean =>
      (letters.get(orderId) ?? []).some(({ errorMessage }) => errorMessage.includes(id) || errorMessage.includes(key));
    if (paid.has(orderId)) lost += charges.some(named) ? 1 : 0;
    else if (allPaid) violations.push(`${orderId} was charged, but is not in payments`);
    else if (!charges.every(named)) violations.push(`${orderId} was charged, but has neither a payment nor a dead letter that names the charge`);
  }
  return { violations, charges: approved.length, lost, messages: [...letters.values()].flat().map(({ errorMessage }) => errorMessage) };
};
