import type { Failure, Order } from '../../board/order.ts';
import { aFailure, orderIdOf } from '../support/builders';

/** An order as service-a shows it; `second` says how long after the others it was created. */
export const aView = (number = 0, differences: Partial<Order> = {}, second = 0): Order => {
  const createdAt = new Date(Date.parse('2026-11-22T10:00:00.000Z') + second * 1_000).toISOString();
  return {
    orderId: orderIdOf(number), userId: 'user-123', amount: 99.99, currency: 'USD',
    status: 'pending', createdAt, updatedAt: createdAt, attempts: 1, ...differences,
  };
};

export const aCompleted = (number = 0, differences: Partial<Order> = {}): Order => aView(number, {
  status: 'completed', updatedAt: '2026-11-22T10:00:02.000Z', paymentId: '11111111-1111-5111-8111-111111111111', ...differences,
});

export const aFailed = (number = 0, failure: Partial<Failure> = {}, differences: Partial<Order> = {}): Order => {
  const whole = aFailure(failure);
  return aView(number, { status: 'failed', updatedAt: whole.failedAt, failure: whole, ...differences });
};
