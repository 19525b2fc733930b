import { isDeepStrictEqual } from 'node:util';
import type { Admin } from 'kafkajs';
import { query } from '../lib/postgres';
import { countShown, foldTopics, readOrders, type OrderRow } from './fold';
import type { Reach } from '../lib/reach';
import { headerOf, type Topics } from './invariants';
import { readTopics, type TopicRecord } from './read-topic';

const ORDERS = `SELECT order_id, source, text, created_at, order_partition, order_offset, payment_id, paid_at, payment_partition,
  payment_offset, failure, failure_partition, failure_offset, attempts FROM orders`;

const differences = (expected: OrderRow, found: OrderRow): string[] => (Object.keys(expected) as (keyof OrderRow)[])
  .filter((column) => !isDeepStrictEqual(expected[column], found[column]))
  .map((column) => `${column} is ${JSON.stringify(found[column])}, the topics say ${JSON.stringify(expected[column])}`);

/** Every record of an order that was not put back is one event: it is sent again under its own id. */
const eventsOf = (orders: TopicRecord[]): string[] => {
  const events = new Map<string, Set<string>>();
  for (const { orderId, eventId, record } of readOrders(orders)) {
    if (headerOf(record, 'redrive-count') === undefined) events.set(orderId, (events.get(orderId) ?? new Set()).add(eventId));
  }
  return [...events].filter(([, ids]) => ids.size > 1).map(([orderId, ids]) => `${orderId} is in orders as ${ids.size} different events`);
};

/**
 * Holds the tables of service-a against a fold of the topics that shares no code with it.
 * @returns what differs, in words, and how many orders were compared
 */
export const compareWithTables = async ({ url, reach, topics, admin }: {
  url: string;
  reach: Reach;
  topics: Topics;
  admin: Pick<Admin, 'fetchTopicOffsets'>;
}): Promise<{ violations: string[]; orders: number }> => {
  const read = await readTopics(reach, topics);
  const expected = foldTopics(read);
  const rows = await query(url, ORDERS) as (Omit<OrderRow, 'failure'> & { failure: string | null })[];
  const found = new Map(rows.map(({ failure, ...row }) =>
    [row.order_id, { ...row, failure: failure === null ? null : JSON.parse(failure) as OrderRow['failure'] }]));
  const violations = eventsOf(read.orders);

  for (const [orderId, row] of expected) {
    const inTable = found.get(orderId);
    if (inTable === undefined) violations.push(`${orderId} is in the topics, but not in the table`);
    else violations.push(...differences(row, inTable).map((difference) => `${orderId}: ${difference}`));
  }
  // An id that is only taken (source 0) is of an order that may never have come to the log.
  for (const [orderId, { source }] of found) {
    if (source !== 0 && !expected.has(orderId)) violations.push(`${orderId} is in the table, but not in the topics`);
  }

  const counted = await query(url, 'SELECT status, sum(count)::integer AS count FROM order_counts GROUP BY status');
  const byStatus = Object.fromEntries(counted.map(({ status, count }) => [String(status), count]));
  const counts = { pending: 0, completed: 0, failed: 0, ...byStatus };
  const shown = countShown(expected.values());
  if (!isDeepStrictEqual(counts, shown)) violations.push(
    `order_counts says ${JSON.stringify(counts)}, the topics say ${JSON.stringify(shown)}`,
  );

  const stored = await query(url, 'SELECT topic, partition, next_offset FROM projection_offsets');
  const positions = new Map(stored.map(({ topic, partition, next_offset: next }) => [`${String(topic)}/${String(partition)}`, String(next)]));
  for (const topic of Object.values(topics)) {
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      const next = positions.get(`${topic}/${partition}`);
      if (next !== high) violations.push(`${topic}/${partition} ends at ${high}, its position in the table is ${next ?? 'missing'}`);
    }
  }
  return { violations, orders: expected.size };
};
