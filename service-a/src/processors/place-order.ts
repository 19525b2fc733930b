import { randomUUID } from 'node:crypto';
import { canonicalText, orderCreatedText, type Order } from '../kafka/messages';
import type { TraceHeaders } from '../utils/tracing';
import { statusOf, type OrderStatus, type Projection } from './projection';

/**
 * Publishes an ORDER_CREATED event, given as JSON text, under its order's id. Resolves once all in-sync replicas hold it; rejects with
 * QueueFullError or NotAppendedError when the broker certainly does not hold it and never will, else with BrokerUnavailableError.
 * A `trace` travels with it.
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

/** The event is certainly not on the broker and will not be: it was never sent, or refused for good. Its id is free. */
export class NotAppendedError extends Error {
  override readonly name = 'NotAppendedError';
}

/** More orders wait for the broker than the service will hold. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** An id that was asked for, and the order it is taken for until the log tells. Every try publishes the same event. */
type Claim = {
  text: string;
  eventId: string;
  timestamp: string;
  /** Set while a try is on its way. */
  sending?: Promise<void> | undefined;
};

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

const isCertain = (error: unknown): boolean => error instanceof NotAppendedError || error instanceof QueueFullError;

/**
 * Accepts orders, once each: the same order posted again is answered with its status and publishes nothing, be the first one known from
 * the log or still on its way to the broker. An order that is perhaps on the broker keeps its id taken until the log shows it or a later
 * try is acknowledged. Taken ids are never forgotten: at the bound new orders are refused, and each refusal sends the oldest again.
 */
export const createPlaceOrder = ({ projection, publish, timeoutMs, unconfirmedMax, unconfirmedMaxBytes }: {
  projection: Pick<Projection, 'get' | 'apply' | 'onChange'>;
  publish: PublishOrder;
  timeoutMs: number;
  /** Orders that are perhaps on the broker, and bytes of their texts, beyond which no new one is tried. */
  unconfirmedMax: number;
  unconfirmedMaxBytes: number;
}) => {
  /** By order: those on their way, and those that are perhaps on the broker. */
  const claims = new Map<string, Claim>();
  /** Of the claims those that are perhaps on the broker, the one tried longest ago first. */
  const unconfirmed = new Map<string, Claim>();
  let unconfirmedBytes = 0;

  const confirm = (orderId: string): void => {
    const claim = unconfirmed.get(orderId);
    if (claim === undefined) return;
    unconfirmed.delete(orderId);
    unconfirmedBytes -= Buffer.byteLength(claim.text);
  };

  const release = (orderId: string): void => {
    confirm(orderId);
    claims.delete(orderId);
  };

  const keep = (orderId: string, claim: Claim): void => {
    confirm(orderId);
    unconfirmed.set(orderId, claim);
    unconfirmedBytes += Buffer.byteLength(claim.text);
  };

  const isKnown = (orderId: string): boolean => projection.get(orderId)?.order !== undefined;

  projection.onChange((orderId) => {
    const claim = unconfirmed.get(orderId);
    if (claim !== undefined && claim.sending === undefined && isKnown(orderId)) release(orderId);
  });

  /** @throws OrderConflictError when the id is known for another order */
  const knownStatus = (orderId: string, text: string): OrderStatus | undefined => {
    const known = projection.get(orderId);
    if (known?.order === undefined) return undefined;
    if (known.order.text !== text) throw new OrderConflictError(orderId);
    return statusOf(known);
  };

  const tryOnce = async (orderId: string, claim: Claim, trace?: TraceHeaders): Promise<void> => {
    const { text, eventId, timestamp } = claim;
    try {
      await publish(orderId, orderCreatedText({ eventId, timestamp, order: text }), trace);
      projection.apply({ kind: 'created', orderId, order: text, createdAt: timestamp, attempts: 1 }, 'broker-ack');
      release(orderId);
    } catch (error) {
      claim.sending = undefined;
      if (isKnown(orderId)) release(orderId);
      else if (!isCertain(error)) keep(orderId, claim);
      // Certain of this try alone: an earlier one may still be on the broker.
      else if (!unconfirmed.has(orderId)) release(orderId);
      throw error;
    }
  };

  const send = (orderId: string, claim: Claim, trace?: TraceHeaders): Promise<void> => claim.sending ??= tryOnce(orderId, claim, trace);

  const takeId = (orderId: string, text: string): Claim => {
    if (unconfirmed.size >= unconfirmedMax || unconfirmedBytes >= unconfirmedMaxBytes) {
      const [oldest] = unconfirmed;
      if (oldest !== undefined) send(...oldest).catch(() => undefined);
      throw new QueueFullError(`${unconfirmed.size} orders are not confirmed by the broker`);
    }
    const claim = { text, eventId: randomUUID(), timestamp: new Date().toISOString() };
    claims.set(orderId, claim);
    return claim;
  };

  /**
   * @param trace that the request is part of, if it is
   * @returns the order's status, after the broker acknowledged its event or the log showed it
   * @throws OrderConflictError, BrokerUnavailableError, NotAppendedError, QueueFullError
   */
  return async (order: Order, trace?: TraceHeaders): Promise<OrderStatus> => {
    const { orderId } = order;
    const text = canonicalText(order);
    const known = knownStatus(orderId, text);
    if (known !== undefined) return known;
    const claim = claims.get(orderId) ?? takeId(orderId, text);
    if (claim.text !== text) throw new OrderConflictError(orderId);
    try {
      await within(send(orderId, claim, trace), timeoutMs);
    } catch (error) {
      const told = knownStatus(orderId, text);
      if (told === undefined) throw error;
      return told;
    }
    return knownStatus(orderId, text) ?? 'pending';
  };
};
