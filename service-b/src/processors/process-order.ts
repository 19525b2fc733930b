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
  /** A gateway that throws has not answered: the same as unavailable. */
  const ask = async (request: ChargeRequest, signal: AbortSignal): Promise<ChargeResult> => {
    try {
      const answer = gateway(request, signal);
      return answer instanceof Promise ? await answer : answer;
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'unavailable', reason: toError(error).message };
    }
  };

  /** @returns the error to dead-letter with, or undefined once approved */
  const charge = async (request: Omit<ChargeRequest, 'attempt'>, signal: AbortSignal): Promise<{ error?: Error; retryCount: number }> => {
    for (let attempt = 0; ; attempt += 1) {
      const result = await ask({ ...request, attempt }, signal);
      onAnswer(result.kind, attempt);
      if (result.kind === 'approved') return { retryCount: attempt };
      if (result.kind === 'declined') return { error: new PaymentDeclinedError(result.reason), retryCount: attempt };
      if (attempt === maxRetries) return { error: new GatewayUnavailableError(result.reason), retryCount: attempt };
      await setTimeout(backoffMs(attempt, retryBaseMs), undefined, { signal });
    }
  };

  /**
   * Resolves once the record's outcome is on the broker.
   * @throws the reason of `signal`, if it aborts first: the record has no outcome then and is to be processed again
   */
  return async (record: ConsumedRecord, signal: AbortSignal): Promise<void> => {
    let order: Order;
    try {
      order = readOrder(record.message.key, record.message.value);
    } catch (error) {
      return publishDeadLetter({ record, error: toError(error), retryCount: 0 }, signal);
    }
    const { orderId, amount, currency } = order;
    const paymentId = paymentIdOf(orderId);
    const redrive = redriveCountOf(record.message.headers);
    const { error, retryCount } = await charge({ orderId, paymentId, amount, currency, redrive }, signal);
    if (error === undefined) return publishPayment(completed(order, paymentId), record, signal);
    return publishDeadLetter({ record, error, retryCount }, signal);
  };
};
