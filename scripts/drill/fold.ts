import { headerOf } from './invariants';
import type { TopicRecord } from './read-topic';

/** What the tables are to hold of an order, by the names of their columns. Numbers of the log are text, as they pass 2^53. */
export type OrderRow = {
  order_id: string;
  /** 1: known from a dead letter alone; 2: from the log; null: only its payment is known. */
  source: number | null;
  text: string | null;
  created_at: string | null;
  order_partition: number | null;
  order_offset: string | null;
  payment_id: string | null;
  paid_at: string | null;
  payment_partition: number | null;
  payment_offset: string | null;
  failure: { type: string; message: string; retryCount: number; failedAt: string } | null;
  failure_partition: number | null;
  failure_offset: string | null;
  attempts: number;
};

type Said = { orderId: string; record: TopicRecord };
type Told = Said & { text: string; createdAt: string; eventId: string };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const parsed = (text: string | undefined): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
};

const isText = (value: unknown): boolean => typeof value === 'string' && value.length > 0 && [...value].length <= 128;
const isAmount = (value: unknown, least: number): boolean =>
  typeof value === 'number' && value >= least && value <= Number.MAX_SAFE_INTEGER;

/** An order event as the contract has it, under the key it should have; undefined for anything else. */
const orderEvent = (event: Record<string, unknown> | undefined, key: string | null): Omit<Told, 'record'> | undefined => {
  const data = event?.['data'] as Record<string, unknown> | null | undefined;
  const { orderId, userId, amount, currency, items } = data ?? {};
  if (event?.['eventType'] !== 'ORDER_CREATED' || typeof event['eventId'] !== 'string' || typeof event['timestamp'] !== 'string') return undefined;
  if (typeof orderId !== 'string' || !UUID.test(orderId) || key?.toLowerCase() !== orderId.toLowerCase()) return undefined;
  if (!isText(userId) || !isAmount(amount, Number.MIN_VALUE) || typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) return undefined;
  if (!Array.isArray(items) || items.length < 1 || items.length > 500) return undefined;
  const lines = items.map((item: unknown) => (item ?? {}) as Record<string, unknown>);
  const fits = lines.every(({ productId, quantity, price }) =>
    isText(productId) && Number.isInteger(quantity) && isAmount(quantity, 1) && isAmount(price, 0));
  if (!fits) return undefined;
  const text = JSON.stringify({
    orderId: orderId.toLowerCase(), userId, amount, currency,
    items: lines.map(({ productId, quantity, price }) => ({ productId, quantity, price })),
  });
  return { orderId: orderId.toLowerCase(), text, createdAt: event['timestamp'], eventId: event['eventId'] };
};

const inLog = (one: TopicRecord, other: TopicRecord): number => one.partition - other.partition || one.offset - other.offset;

/** By order, each in the order of the log. */
const byOrder = <T extends Said>(said: T[]): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const one of said.toSorted((x, y) => inLog(x.record, y.record))) {
    const group = groups.get(one.orderId);
    if (group === undefined) groups.set(one.orderId, [one]);
    else group.push(one);
  }
  return groups;
};

const attemptsOf = ({ record }: Said): number => 1 + Number(headerOf(record, 'redrive-count') ?? 0);
const textOf = (bytes: Buffer | null): string | undefined => bytes?.toString();

export const readOrders = (orders: TopicRecord[]): Told[] => orders.flatMap((record) => {
  const told = orderEvent(parsed(textOf(record.value)), textOf(record.key) ?? null);
  return told === undefined ? [] : [{ ...told, record }];
});

const readPayments = (payments: TopicRecord[]) => payments.flatMap((record) => {
  const event = parsed(textOf(record.value));
  const data = event?.['data'] as { orderId?: unknown; paymentId?: unknown } | undefined;
  if (event?.['eventType'] !== 'PAYMENT_COMPLETED' || typeof data?.orderId !== 'string' || typeof data.paymentId !== 'string') return [];
  return [{ record, orderId: data.orderId.toLowerCase(), paymentId: data.paymentId.toLowerCase(), at: String(event['timestamp']) }];
});

const readLetters = (letters: TopicRecord[]) => letters.flatMap((record) => {
  const letter = parsed(textOf(record.value));
  const { originalValue, originalValueEncoding, originalKey, errorType, errorMessage, retryCount, failedAt } = letter ?? {};
  const original = originalValueEncoding === 'utf8' ? parsed(String(originalValue)) : originalValue as Record<string, unknown> | undefined;
  const told = orderEvent(original, typeof originalKey === 'string' ? originalKey : null);
  if (told === undefined) return [];
  const failure = { type: String(errorType), message: String(errorMessage), retryCount: Number(retryCount), failedAt: String(failedAt) };
  return [{ ...told, record, failure }];
});

/**
 * What the records of the three topics make of each order: written from the contract and the comments of the tables, apart from service-a.
 * The first order stands, the log before dead letters; the first payment; the last failure; the highest number of attempts.
 */
export const foldTopics = ({ orders, payments, deadLetters }: {
  orders: TopicRecord[];
  payments: TopicRecord[];
  deadLetters: TopicRecord[];
}): Map<string, OrderRow> => {
  const [created, paid, failed] = [byOrder(readOrders(orders)), byOrder(readPayments(payments)), byOrder(readLetters(deadLetters))];
  const rows = new Map<string, OrderRow>();
  for (const orderId of new Set([...created.keys(), ...paid.keys(), ...failed.keys()])) {
    const order = created.get(orderId)?.[0] ?? failed.get(orderId)?.[0];
    const payment = paid.get(orderId)?.[0];
    const letter = failed.get(orderId)?.at(-1);
    rows.set(orderId, {
      order_id: orderId,
      source: order === undefined ? null : created.has(orderId) ? 2 : 1,
      text: order?.text ?? null,
      created_at: order?.createdAt ?? null,
      order_partition: order?.record.partition ?? null,
      order_offset: order === undefined ? null : String(order.record.offset),
      payment_id: payment?.paymentId ?? null,
      paid_at: payment?.at ?? null,
      payment_partition: payment?.record.partition ?? null,
      payment_offset: payment === undefined ? null : String(payment.record.offset),
      failure: letter?.failure ?? null,
      failure_partition: letter?.record.partition ?? null,
      failure_offset: letter === undefined ? null : String(letter.record.offset),
      attempts: Math.max(1, ...[...created.get(orderId) ?? [], ...failed.get(orderId) ?? []].map(attemptsOf)),
    });
  }
  return rows;
};

export type Shown = { pending: number; completed: number; failed: number };

/** How many orders can be shown, by status: those of which more is known than an outcome. */
export const countShown = (rows: Iterable<OrderRow>): Shown => {
  const counts: Shown = { pending: 0, completed: 0, failed: 0 };
  for (const { text, payment_id, failure } of rows) {
    if (text !== null) counts[payment_id !== null ? 'completed' : failure !== null ? 'failed' : 'pending'] += 1;
  }
  return counts;
};
