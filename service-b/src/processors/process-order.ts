import { randomUUID } from 'node:crypto';
import { parse, v5 as uuidV5 } from 'uuid';
import { pause } from '../utils/when-aborted';
import type { ChargeRequest, ChargeResult, Gateway } from './gateway';
import { GatewayUnavailableError, PaymentConflictError, PaymentDeclinedError, type Order } from './order';
import type { PaymentCompleted } from './payment';

/**
 * Namespace of payment ids and idempotency keys, as bytes: text would be read anew for each. Changing it would pay every redelivered
 * order a second time.
 */
const PAYMENT_NAMESPACE = parse('6f1d9c2e-4b7a-4d53-9a0e-2c8f5b1e7d34');

/** The one payment id that an order can ever have. */
export const paymentIdOf = (orderId: string): string => uuidV5(orderId, PAYMENT_NAMESPACE);

/** The idempotency key of an order at its `redrive`, 0 for its first record: that of the first is the payment id. */
export const idempotencyKeyOf = (orderId: string, redrive: number): string =>
  uuidV5(redrive === 0 ? orderId : `${orderId}:${redrive}`, PAYMENT_NAMESPACE);

/** Resolves once all in-sync replicas hold the payment; keeps trying until then. Rejects only when `signal` aborts. */
export type PublishPayment<Consumed> = (event: PaymentCompleted, record: Consumed, signal: AbortSignal) => Promise<void>;

/** Resolves once all in-sync replicas hold the dead letter; keeps trying until then. Rejects only when `signal` aborts. */
export type PublishDeadLetter<Consumed> = (
  failure: { record: Consumed; error: Error; retryCount: number },
  signal: AbortSignal,
) => Promise<void>;

/** The longest wait before a retry, in milliseconds, whoever asks for it. */
const MAX_WAIT_MS = 10_000;

/** Exponential backoff with full jitter on the upper half: between a half and the whole of `baseMs * 2^attempt`, at most 10 s. */
export const backoffMs = (attempt: number, baseMs: number, random: () => number = Math.random): number =>
  Math.min(baseMs * 2 ** attempt, MAX_WAIT_MS) * (0.5 + random() / 2);

/** A retry of the gateway that is about to be made: `attempt` 1 for the first one. */
export type Retry<Consumed> = { record: Consumed; orderId: string; attempt: number; reason: string; retryInMs: number };

const completed = (order: Order, paymentId: string): PaymentCompleted => {
  const now = new Date().toISOString();
  return {
    eventType: 'PAYMENT_COMPLETED',
    eventId: randomUUID(),
    timestamp: now,
    data: { orderId: order.orderId, paymentId, paymentStatus: 'completed', amount: order.amount, currency: order.currency, processedAt: now },
  };
};

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

type Charge<Consumed> = { record: Consumed; order: Order; request: ChargeRequest };

const failureOf = (result: Exclude<ChargeResult, { kind: 'approved' }>): Error => {
  switch (result.kind) {
    case 'declined': return new PaymentDeclinedError(result.reason);
    case 'conflict': return new PaymentConflictError(result.reason);
    case 'unavailable': return new GatewayUnavailableError(result.reason);
  }
};

/** What a record of `orders` means: exactly one outcome, a payment or a dead letter. `Consumed` is a record as the consumer knows it. */
export const createProcessOrder = <Consumed>({
  readOrder, redriveOf, gateway, onAnswer, onRetry, publishPayment, publishDeadLetter, maxRetries, retryBaseMs,
}: {
  /** The order of a record, or a promise of it where that takes time. Throws or rejects with what is wrong with the record. */
  readOrder: (record: Consumed, signal: AbortSignal) => Order | Promise<Order>;
  /** How often a record was put back after a failure; 0 for the first record of an order. */
  redriveOf: (record: Consumed) => number;
  /** As `createGateway` makes it: bounded, and it rejects only when its signal aborts. */
  gateway: Gateway;
  /** Hears of each answer of the gateway; `attempt` is 0 for the first call for an order. */
  onAnswer: (answer: ChargeResult['kind'], attempt: number) => void;
  onRetry: (retry: Retry<Consumed>) => void;
  publishPayment: PublishPayment<Consumed>;
  publishDeadLetter: PublishDeadLetter<Consumed>;
  maxRetries: number;
  retryBaseMs: number;
}) => {
  const retry = (charge: Charge<Consumed>, { reason, retryAfterMs = 0 }: ChargeResult & { kind: 'unavailable' }, signal: AbortSignal): Promise<void> => {
    const { record, request } = charge;
    const attempt = request.attempt + 1;
    const retryInMs = Math.round(Math.max(backoffMs(request.attempt, retryBaseMs), Math.min(retryAfterMs, MAX_WAIT_MS)));
    onRetry({ record, orderId: request.orderId, attempt, reason, retryInMs });
    return pause(retryInMs, signal).then(() => tryCharge({ ...charge, request: { ...request, attempt } }, signal));
  };

  // Plain functions: an async one holds some hundred bytes for as long as an order is on its way, and one that need not wait costs turns.
  const conclude = (charge: Charge<Consumed>, result: ChargeResult, signal: AbortSignal): Promise<void> => {
    const { record, order, request } = charge;
    const { attempt, redrive } = request;
    onAnswer(result.kind, attempt);
    if (result.kind === 'approved') {
      // The first key is the payment id: most orders need only one hash.
      const paymentId = redrive === 0 ? request.idempotencyKey : paymentIdOf(order.orderId);
      return publishPayment(completed(order, paymentId), record, signal);
    }
    if (result.kind === 'unavailable' && attempt < maxRetries) return retry(charge, result, signal);
    return publishDeadLetter({ record, error: failureOf(result), retryCount: attempt }, signal);
  };

  const tryCharge = (charge: Charge<Consumed>, signal: AbortSignal): Promise<void> => {
    const answer = gateway(charge.request, signal);
    return answer instanceof Promise ? answer.then((result) => conclude(charge, result, signal)) : conclude(charge, answer, signal);
  };

  const chargeOrder = (record: Consumed, order: Order, signal: AbortSignal): Promise<void> => {
    const { orderId, amount, currency } = order;
    const redrive = redriveOf(record);
    const request = { orderId, idempotencyKey: idempotencyKeyOf(orderId, redrive), amount, currency, redrive, attempt: 0 };
    return tryCharge({ record, order, request }, signal);
  };

  const failUnread = (record: Consumed, error: unknown, signal: AbortSignal): Promise<void> =>
    publishDeadLetter({ record, error: toError(error), retryCount: 0 }, signal);

  const chargeLater = async (record: Consumed, reading: Promise<Order>, signal: AbortSignal): Promise<void> => {
    let order: Order;
    try {
      order = await reading;
    } catch (error) {
      signal.throwIfAborted();
      return failUnread(record, error, signal);
    }
    return chargeOrder(record, order, signal);
  };

  /**
   * Resolves once the record's outcome is on the broker.
   * @throws the reason of `signal`, if it aborts first: the record has no outcome then and is to be processed again
   */
  return (record: Consumed, signal: AbortSignal): Promise<void> => {
    let order: Order | Promise<Order>;
    try {
      order = readOrder(record, signal);
    } catch (error) {
      return failUnread(record, error, signal);
    }
    return order instanceof Promise ? chargeLater(record, order, signal) : chargeOrder(record, order, signal);
  };
};
