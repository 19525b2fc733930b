import { setTimeout } from 'node:timers/promises';
import { murmur2 } from '../kafka/partitioner';
import { createLimiter } from '../utils/limiter';

export type ChargeRequest = {
  orderId: string;
  /** Idempotency key: a gateway that saw it before answers as it did then and charges nothing. */
  paymentId: string;
  amount: number;
  currency: string;
  /** 0 for the first try. */
  attempt: number;
};

export type ChargeResult = { kind: 'approved' } | { kind: 'declined'; reason: string } | { kind: 'unavailable'; reason: string };

/** Charges an order once, however often it is called with one `paymentId`. Rejects only when `signal` aborts. */
export type Gateway = (request: ChargeRequest, signal: AbortSignal) => ChargeResult | Promise<ChargeResult>;

export type Fate = { successRate: number; transientRate: number };

/** A number in [0, 1) that depends on the order alone; `trait` makes independent ones of it. */
const draw = (trait: string, orderId: string): number => {
  const first = murmur2(Buffer.from(`${trait}:${orderId}`));
  // A second round: neighbouring ids differ in few bits, and one round of murmur2 leaves that visible in the high bits.
  return (murmur2(Buffer.from(`${first}:${trait}`)) >>> 0) / 2 ** 32;
};

/**
 * How often the gateway is unavailable before it answers for an order: 0 for all but `transientRate` of the orders;
 * for those once with a chance of 1/2, twice with 1/4, and so on.
 */
const outagesBefore = (orderId: string, transientRate: number): number => {
  const u = draw('outage', orderId);
  return u < transientRate ? 1 + Math.floor(-Math.log2(1 - u / transientRate)) : 0;
};

/** The simulation: a pure function of order and attempt, so that a redelivered order meets the same fate. */
export const decidePayment = (orderId: string, attempt: number, { successRate, transientRate }: Fate): ChargeResult => {
  if (attempt < outagesBefore(orderId, transientRate)) return { kind: 'unavailable', reason: 'gateway unavailable' };
  return draw('charge', orderId) < successRate ? { kind: 'approved' } : { kind: 'declined', reason: 'payment gateway declined' };
};

/** A stand-in for a payment provider: answers after `latencyMs`, and works on at most `concurrency` calls at a time. */
export const createSimulatedGateway = ({ latencyMs, concurrency, ...fate }: Fate & { latencyMs: number; concurrency: number }): Gateway => {
  const decide = ({ orderId, attempt }: ChargeRequest): ChargeResult => decidePayment(orderId, attempt, fate);
  if (latencyMs === 0) return decide;
  const limit = createLimiter(concurrency);
  return (request, signal) => limit(async () => {
    await setTimeout(latencyMs, undefined, { signal });
    return decide(request);
  });
};
