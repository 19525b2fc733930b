import { hash, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { ConsumedRecord } from '../kafka/dead-letter';
import { readOrder, type PaymentCompleted } from '../kafka/messages';
import { redriveCountOf } from '../kafka/redrive-headers';
import type { ChargeRequest, ChargeResult, Gateway } from './gateway';
import { GatewayUnavailableError, PaymentDeclinedError, type Order } from './order';

/** Namespace of payment ids. Changing it would pay every redelivered order a second time. */
const PAYMENT_NAMESPACE = '6f1d9c2e-4b7a-4d53-9a0e-2c8f5b1e7d34';
const namespaceBytes = Buffer.from(PAYMENT_NAMESPACE.replaceAll('-', ''), 'hex');

/**
 * The one payment id that an order can ever have: UUIDv5 of its `orderId`, the SHA-1 of namespace and name with the version and variant
 * bits set (RFC 9562, section 5.5). The `uuid` package gives the same at three times the cost.
 */
export const paymentIdOf = (orderId: string): string => {
  const hex = hash('sha1', Buffer.concat([namespaceBytes, Buffer.from(orderId)]), 'hex');
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 0b11]!;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

/** Resolves once all in-sync replicas hold the payment; keeps trying until then. Rejects only when `signal` aborts. */
export type PublishPayment = (event: PaymentCompleted, record: ConsumedRecord, signal: AbortSignal) => Promise<void>;

/** Resolves once all in-sync replicas hold the dead letter; keeps trying until then. Rejects only when `signal` aborts. */
export type PublishDeadLetter = (
  failure: { record: ConsumedRecord; error: Error; retryCount: number },
  signal: AbortSignal,
) => Promise<void>;

/** Exponential backoff with full jitter on the upper half: between a half and the whole of `baseMs * 2^attempt`, at most 10 s. */
export const backoffMs = (attempt: number, baseMs: number, random: () => number = Math.random): number =>
  Math.min(baseMs * 2 ** attempt, 10_000) * (0.5 + random() / 2);

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

type Charge = { record: ConsumedRecord; order: Order; request: ChargeRequest };

/** A gateway that throws has not answered: the same as unavailable. */
const noAnswer = (error: unknown, signal: AbortSignal): ChargeResult => {
  signal.throwIfAborted();
  return { kind: 'unavailable', reason: toError(error).message };
};

export type ProcessOrder = ReturnType<typeof createProcessOrder>;

/** What a record of `orders` means: exactly one outcome, a payment or a dead letter. */
export const createProcessOrder = ({ gateway, onAnswer, publishPayment, publishDeadLetter, maxRetries, retryBaseMs }: {
  gateway: Gateway;
  /** Hears of each answer of the gateway; `attempt` is 0 for the first call for an order. */
  onAnswer: (answer: ChargeResult['kind'], attempt: number) => void;
  publishPayment: PublishPayment;
  publishDeadLetter: PublishDeadLetter;
  maxRetries: number;
  retryBaseMs: number;
}) => {
  const ask = (request: ChargeRequest, signal: AbortSignal): ChargeResult | Promise<ChargeResult> => {
    let answer: ChargeResult | Promise<ChargeResult>;
    try {
      answer = gateway(request, signal);
    } catch (error) {
      answer = Promise.reject(toError(error));
    }
    return answer instanceof Promise ? answer.catch((error: unknown) => noAnswer(error, signal)) : answer;
  };

  // Plain functions: an async one holds some hundred bytes for as long as an order is on its way, and one that need not wait costs turns.
  const conclude = (charge: Charge, result: ChargeResult, signal: AbortSignal): Promise<void> => {
    const { record, order, request } = charge;
    const { paymentId, attempt } = request;
    onAnswer(result.kind, attempt);
    if (result.kind === 'approved') return publishPayment(completed(order, paymentId), record, signal);
    if (result.kind === 'unavailable' && attempt < maxRetries) {
      return setTimeout(backoffMs(attempt, retryBaseMs), undefined, { signal })
        .then(() => tryCharge({ ...charge, request: { ...request, attempt: attempt + 1 } }, signal));
    }
    const error = result.kind === 'declined' ? new PaymentDeclinedError(result.reason) : new GatewayUnavailableError(result.reason);
    return publishDeadLetter({ record, error, retryCount: attempt }, signal);
  };

  const tryCharge = (charge: Charge, signal: AbortSignal): Promise<void> => {
    const answer = ask(charge.request, signal);
    return answer instanceof Promise ? answer.then((result) => conclude(charge, result, signal)) : conclude(charge, answer, signal);
  };

  /**
   * Resolves once the record's outcome is on the broker.
   * @throws the reason of `signal`, if it aborts first: the record has no outcome then and is to be processed again
   */
  return (record: ConsumedRecord, signal: AbortSignal): Promise<void> => {
    let order: Order;
    try {
      order = readOrder(record.message.key, record.message.value);
    } catch (error) {
      return publishDeadLetter({ record, error: toError(error), retryCount: 0 }, signal);
    }
    const { orderId, amount, currency } = order;
    const redrive = redriveCountOf(record.message.headers);
    const request = { orderId, paymentId: paymentIdOf(orderId), amount, currency, redrive, attempt: 0 };
    return tryCharge({ record, order, request }, signal);
  };
};
