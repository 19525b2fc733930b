import { randomUUID } from 'node:crypto';
import { canonicalText, orderCreatedText, type Order } from '../kafka/messages';
import type { TraceHeaders } from '../utils/tracing';
import { statusOf, type OrderStatus, type Projection } from './projection';

/**
 * Publishes an ORDER_CREATED event, given as JSON text, under its order's id. Resolves once all in-sync replicas hold it; rejects with
 * BrokerUnavailableError or QueueFullError. A `trace` travels with it.
 */
export type PublishOrder = (orderId: string, event: string, trace?: TraceHeaders) => Promise<void>;

/** The same `orderId` stands for another order already. */
export class OrderConflictError extends Error {
  override readonly name = 'OrderConflictError';
}

/** The broker did not acknowledge the event in time. Whether it holds the event is told by the log later; posting again is safe. */
export class BrokerUnavailableError extends Error {
  override readonly name = 'BrokerUnavailableError';
}

/** More requests wait for the broker than the service will hold. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

type InFlight = { text: string; acknowledged: Promise<void> };

export type PlaceOrder = ReturnType<typeof createPlaceOrder>;

/** Rejects with BrokerUnavailableError when `promise` has not settled after `ms` milliseconds. */
const within = (promise: Promise<void>, ms: number): Promise<void> => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new BrokerUnavailableError(`no acknowledgement within ${ms} ms`)), ms);
  const settle = <T>(how: (value: T) => void) => (value: T): void => {
    clearTimeout(timer);
    how(value);
  };
  promise.then(settle(resolve), settle(reject));
});

/**
 * Accepts orders, once each: the same order posted again is answered with its status and publishes nothing, be the first one known from
 * the log or still on its way to the broker.
 */
export const createPlaceOrder = ({ projection, publish, timeoutMs }: {
  projection: Pick<Projection, 'get' | 'apply'>;
  publish: PublishOrder;
  timeoutMs: number;
}) => {
  const inFlight = new Map<string, InFlight>();

  const publishAndApply = async (orderId: string, order: string, trace?: TraceHeaders): Promise<void> => {
    const timestamp = new Date().toISOString();
    try {
      await publish(orderId, orderCreatedText({ eventId: randomUUID(), timestamp, order }), trace);
      projection.apply({ kind: 'created', orderId, order, createdAt: timestamp, attempts: 1 }, 'broker-ack');
    } finally {
      inFlight.delete(orderId);
    }
  };

  const send = (orderId: string, text: string, trace?: TraceHeaders): InFlight => {
    const entry = { text, acknowledged: publishAndApply(orderId, text, trace) };
    inFlight.set(orderId, entry);
    return entry;
  };

  /**
   * @param trace that the request is part of, if it is
   * @returns the order's status, after the broker acknowledged its event
   * @throws OrderConflictError, BrokerUnavailableError, QueueFullError
   */
  return async (order: Order, trace?: TraceHeaders): Promise<OrderStatus> => {
    const text = canonicalText(order);
    const known = projection.get(order.orderId);
    if (known?.order !== undefined) {
      if (known.order.text !== text) throw new OrderConflictError(order.orderId);
      return statusOf(known);
    }
    const sending = inFlight.get(order.orderId) ?? send(order.orderId, text, trace);
    if (sending.text !== text) throw new OrderConflictError(order.orderId);
    await within(sending.acknowledged, timeoutMs);
    return statusOf(projection.get(order.orderId) ?? {});
  };
};
