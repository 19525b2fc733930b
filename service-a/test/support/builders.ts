import type { Failure, OrderFact } from '../../src/processors/facts';
import { canonicalText, type Order } from '../../src/processors/order';
import type { OrderEntry, OrderStatus } from '../../src/processors/projection';
import { viewOf } from '../../src/processors/view';

/** An id like that of the example order, with another last digit or digits. */
export const orderIdOf = (number: number): string => `550e8400-e29b-41d4-a716-44665544${String(number).padStart(4, '0')}`;

/** The example order of the contract. */
export const anOrder = (differences: Partial<Order> = {}): Order => ({
  orderId: orderIdOf(0),
  userId: 'user-123',
  amount: 99.99,
  currency: 'USD',
  items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
  ...differences,
});

/** An event of `orders`, as it travels. */
export type OrderCreated = { eventType: string; eventId: string; timestamp: string; data: Order };

export const anOrderCreated = (differences: Partial<OrderCreated> = {}): OrderCreated => ({
  eventType: 'ORDER_CREATED',
  eventId: '0c4a1f6e-3c52-4c2e-9a57-6a8f0f3b1d10',
  timestamp: '2026-11-22T10:00:00.000Z',
  data: anOrder(),
  ...differences,
});

export const aFailure = (differences: Partial<Failure> = {}): Failure => ({
  type: 'PaymentDeclinedError',
  message: 'payment gateway declined',
  retryCount: 0,
  failedAt: '2026-11-22T10:00:01.000Z',
  ...differences,
});

type Created = Extract<OrderFact, { kind: 'created' }>;
type Paid = Extract<OrderFact, { kind: 'paid' }>;
type Failed = Extract<OrderFact, { kind: 'failed' }>;

export const created = (orderId = orderIdOf(0), differences: Partial<Created> = {}): Created =>
  ({ kind: 'created', orderId, order: canonicalText(anOrder({ orderId })), createdAt: '2026-11-22T10:00:00.000Z', attempts: 1, ...differences });

export const paid = (orderId = orderIdOf(0), differences: Partial<Paid> = {}): Paid =>
  ({ kind: 'paid', orderId, paymentId: '11111111-1111-5111-8111-111111111111', at: '2026-11-22T10:00:02.000Z', ...differences });

export const failed = (orderId = orderIdOf(0), failure: Partial<Failure> = {}, attempts = 1): Failed => ({
  kind: 'failed', orderId, order: canonicalText(anOrder({ orderId })), createdAt: '2026-11-22T10:00:00.000Z', attempts, failure: aFailure(failure),
});

export type OrderView = Order & {
  status: OrderStatus; createdAt: string; updatedAt: string; attempts: number; paymentId?: string; failure?: Failure;
};

/** An order as clients see it. */
export const shown = (entry: OrderEntry | undefined): OrderView | undefined => {
  const text = viewOf(entry ?? {});
  return text === undefined ? undefined : JSON.parse(text) as OrderView;
};
