import { countShown, foldTopics } from '../drill/fold';
import type { TopicRecord } from '../drill/read-topic';

const ID = '550e8400-e29b-41d4-a716-446655440000';
const OTHER = '550e8400-e29b-41d4-a716-446655440001';

const record = (offset: number, value: unknown, more: Partial<TopicRecord> = {}): TopicRecord => ({
  partition: 0, offset, appendedAt: 0, key: Buffer.from(ID), headers: [], value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), ...more,
});
const anOrder = (more: object = {}) => ({
  orderId: ID, userId: 'user-1', amount: 10, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 10 }], ...more,
});
const created = (timestamp: string, more: object = {}) => ({ eventType: 'ORDER_CREATED', eventId: 'e', timestamp, data: anOrder(more) });
const paid = (paymentId: string, timestamp: string) =>
  ({ eventType: 'PAYMENT_COMPLETED', timestamp, data: { orderId: ID, paymentId, paymentStatus: 'completed' } });
const letter = (failedAt: string, original: unknown, encoding = 'json') => ({
  originalKey: ID, originalValue: original, originalValueEncoding: encoding, errorType: 'PaymentDeclinedError', errorMessage: 'declined', retryCount: 0, failedAt,
});
const fold = ({ orders = [], payments = [], deadLetters = [] }: Partial<Parameters<typeof foldTopics>[0]>) =>
  foldTopics({ orders, payments, deadLetters });

describe('a fold of the topics', () => {
  test('When an order comes twice, then the one that lies first in the log stands, in whatever order they are read', () => {
    const rows = fold({ orders: [record(7, created('t7')), record(3, created('t3'))] });
    expect(rows.get(ID)).toMatchObject({ source: 2, created_at: 't3', order_offset: '3', order_partition: 0, text: JSON.stringify(anOrder()), payment_id: null });
  });

  test('When it was paid twice, then the first payment stands', () => {
    const rows = fold({ orders: [record(0, created('t'))], payments: [record(5, paid('B', 'later')), record(4, paid('A', 'paid'))] });
    expect(rows.get(ID)).toMatchObject({ payment_id: 'a', paid_at: 'paid', payment_offset: '4' });
  });

  test('When it failed twice, then the last failure stands, and attempts are counted in the records', () => {
    const deadLetters = [record(1, letter('f1', created('t'))), record(2, letter('f2', created('t')), { headers: [['redrive-count', '1']] })];
    const rows = fold({ orders: [record(0, created('t'))], deadLetters: deadLetters.toReversed() });
    expect(rows.get(ID)).toMatchObject({ failure: { failedAt: 'f2', type: 'PaymentDeclinedError' }, failure_offset: '2', attempts: 2, source: 2 });
  });

  test('When only a dead letter or a payment is left of it, then it is known from that', () => {
    expect(fold({ deadLetters: [record(9, letter('f', JSON.stringify(created('t')), 'utf8'))] }).get(ID)).toMatchObject({ source: 1, order_offset: '9' });
    expect(fold({ payments: [record(9, paid('a', 't'))] }).get(ID)).toMatchObject({ source: null, text: null, payment_id: 'a' });
  });

  test('When a record is no order, or lies under the key of another, then it says nothing', () => {
    const orders = [
      record(0, '{bad'), record(1, created('t', { amount: -1 })), record(2, created('t', { items: [] })), record(3, created('t'), { key: Buffer.from(OTHER) }),
      record(4, created('t'), { key: null }), record(5, 'null'), record(6, created('t'), { value: null }),
    ];
    expect(fold({ orders, deadLetters: [record(0, letter('f', '{bad', 'utf8'))] }).size).toBe(0);
  });

  test('When orders are counted, then a payment outweighs a failure, and an outcome without its order does not count', () => {
    const rows = fold({ orders: [record(0, created('t'))], payments: [record(0, paid('a', 't'))], deadLetters: [record(0, letter('f', created('t')))] });
    expect(countShown(rows.values())).toEqual({ pending: 0, completed: 1, failed: 0 });
    expect(countShown(fold({ payments: [record(0, paid('a', 't'))] }).values())).toEqual({ pending: 0, completed: 0, failed: 0 });
  });
});
