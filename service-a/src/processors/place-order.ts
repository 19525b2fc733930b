import type { TraceHeaders } from '../utils/tracing';
import type { LogPosition, OrderEvent } from './facts';
import { canonicalText, type Order } from './order';
import { ClaimsFullError, type Claimed, type OrderStore } from './order-store';
import { statusOf, type OrderEntry, type OrderStatus } from './projection';

/**
 * Publishes an ORDER_CREATED event under its order's id. Resolves with its place in the log once all in-sync replicas
 * hold it; rejects with QueueFullError or NotAppendedError when the broker certainly does not hold it and never will, else with
 * BrokerUnavailableError. A `trace` travels with it.
 */
export type PublishOrder = (orderId: string, event: OrderEvent, trace?: TraceHeaders) => Promise<LogPosition>;

/** The same `orderId` stands for another order already. */
export class OrderConflictError extends Error {
  override readonly name = 'OrderConflictError';
}

/** The broker did not acknowledge the event in time. Whether it holds the event is told by the log later; posting again is safe. */
export class BrokerUnavailableError extends Error {
  override readonly name = 'BrokerUnavailableError';
}

/** The event is certainly not on the broker and will not be: it was never sent, or refused for good. Its id is free. */
export class NotAppendedError extends Error {
  override readonly name = 'NotAppendedError';
}

/** More orders wait for the broker than the service will hold. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

export type PlaceOrder = ReturnType<typeof createPlaceOrder>;

/** Rejects with BrokerUnavailableError when `promise` has not settled after `ms` milliseconds. */
const within = <T>(promise: Promise<T>, ms: number): Promise<T> => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new BrokerUnavailableError(`no acknowledgement within ${ms} ms`)), ms);
  const settle = <V>(how: (value: V) => void) => (value: V): void => {
    clearTimeout(timer);
    how(value);
  };
  promise.then(settle(resolve), settle(reject));
});

const isCertain = (error: unknown): boolean => error instanceof NotAppendedError || error instanceof QueueFullError;

/** @throws OrderConflictError when the id is known for another order */
const statusIn = (entry: OrderEntry | undefined, orderId: string, text: string): OrderStatus | undefined => {
  if (entry?.order === undefined) return undefined;
  if (entry.order.text !== text) throw new OrderConflictError(orderId);
  return statusOf(entry);
};

/**
 * Accepts orders, once each: the same order posted again is answered with its status and publishes nothing, be the first one known from
 * the log or still on its way to the broker. An order that is perhaps on the broker keeps its id taken until the log shows it or a later
 * try is acknowledged. Where no more ids can be taken new orders are refused, and each refusal sends the oldest again.
 */
export const createPlaceOrder = ({ store, publish, timeoutMs }: {
  store: Pick<OrderStore, 'claim' | 'acknowledge' | 'release' | 'get'>;
  publish: PublishOrder;
  timeoutMs: number;
}) => {
  /** What is on its way from here, by order. */
  const tries = new Map<string, { text: string; outcome: Promise<OrderStatus> }>();

  const take = async (orderId: string, text: string): Promise<Claimed> => {
    try {
      return await store.claim(orderId, text);
    } catch (error) {
      if (!(error instanceof ClaimsFullError)) throw error;
      const { oldest } = error;
      if (!tries.has(oldest.orderId)) begin(oldest.orderId, oldest.text).catch(() => undefined);
      throw new QueueFullError(error.message);
    }
  };

  const tryOnce = async (orderId: string, text: string, trace?: TraceHeaders): Promise<OrderStatus> => {
    const claimed = await take(orderId, text);
    if (claimed.kind === 'known') return claimed.status;
    if (claimed.kind === 'conflict') throw new OrderConflictError(orderId);
    const { eventId, timestamp } = claimed;
    try {
      const position = await publish(orderId, { eventId, timestamp, order: text }, trace);
      return statusIn(await store.acknowledge(orderId, position), orderId, text) ?? 'pending';
    } catch (error) {
      if (isCertain(error)) await store.release(orderId);
      throw error;
    }
  };

  const begin = (orderId: string, text: string, trace?: TraceHeaders): Promise<OrderStatus> => {
    const outcome = tryOnce(orderId, text, trace).finally(() => tries.delete(orderId));
    tries.set(orderId, { text, outcome });
    return outcome;
  };

  /**
   * @param trace that the request is part of, if it is
   * @returns the order's status, after the broker acknowledged its event or the log showed it
   * @throws OrderConflictError, BrokerUnavailableError, NotAppendedError, QueueFullError, StoreUnavailableError
   */
  return async (order: Order, trace?: TraceHeaders): Promise<OrderStatus> => {
    const { orderId } = order;
    const text = canonicalText(order);
    const underWay = tries.get(orderId);
    if (underWay !== undefined && underWay.text !== text) throw new OrderConflictError(orderId);
    try {
      return await within(underWay?.outcome ?? begin(orderId, text, trace), timeoutMs);
    } catch (error) {
      if (!isCertain(error) && !(error instanceof BrokerUnavailableError)) throw error;
      // The log may have told it meanwhile.
      const status = statusIn(await store.get(orderId), orderId, text);
      if (status === undefined) throw error;
      return status;
    }
  };
};
