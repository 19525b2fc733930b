import { setTimeout } from 'node:timers/promises';
import { murmur2 } from '../utils/murmur2';
import type { ChargeRequest, ChargeResult, Gateway } from './gateway';

export type Fate = { successRate: number; transientRate: number };

/** A number in [0, 1) that depends on the order alone; `trait` makes independent ones of it. */
const draw = (trait: string, orderId: string): number => {
  const first = murmur2(Buffer.from(`${trait}:${orderId}`));
  // A second round: neighbouring ids differ in few bits, and one round of murmur2 leaves that visible in the high bits.
  return (murmur2(Buffer.from(`${first}:${trait}`)) >>> 0) / 2 ** 32;
};

/**
 * How often the gateway is unavailable before it answers: 0 for all but `transientRate` of the draws;
 * for those once with a chance of 1/2, twice with 1/4, and so on.
 */
const outagesBefore = (u: number, transientRate: number): number =>
  (u < transientRate ? 1 + Math.floor(-Math.log2(1 - u / transientRate)) : 0);

/** The simulation: a pure function of order, redrive and attempt, so that a redelivered order meets the same fate. */
export const decidePayment = (
  { orderId, redrive, attempt }: Pick<ChargeRequest, 'orderId' | 'redrive' | 'attempt'>, { successRate, transientRate }: Fate,
): ChargeResult => {
  const drawOf = (trait: string): number => draw(redrive === 0 ? trait : `${trait}:${redrive}`, orderId);
  if (attempt < outagesBefore(drawOf('outage'), transientRate)) return { kind: 'unavailable', reason: 'gateway unavailable' };
  return drawOf('charge') < successRate ? { kind: 'approved' } : { kind: 'declined', reason: 'payment gateway declined' };
};

/** A stand-in for a payment provider, which keeps no books: answers at once, or after `latencyMs`. */
export const createSimulatedGateway = ({ latencyMs, ...fate }: Fate & { latencyMs: number }): Gateway => {
  const decide = (request: ChargeRequest): ChargeResult => decidePayment(request, fate);
  if (latencyMs === 0) return decide;
  return async (request, signal) => {
    await setTimeout(latencyMs, undefined, { signal });
    return decide(request);
  };
};
