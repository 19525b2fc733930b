export type ChargeRequest = {
  orderId: string;
  /** A UUID, one for each order and redrive, the same for every attempt and redelivery: under it an order is charged once at most. */
  idempotencyKey: string;
  amount: number;
  currency: string;
  /** How often the order was put back after a failure; each time has a key of its own. */
  redrive: number;
  /** 0 for the first try. */
  attempt: number;
};

export type ChargeResult =
  /** Charged, now or before, under whatever key. */
  | { kind: 'approved' }
  /** Not charged, and asking again cannot help. */
  | { kind: 'declined'; reason: string }
  /** Nobody knows, or not now: it may have been charged. It is asked again under the same key, `retryAfterMs` later if that is told. */
  | { kind: 'unavailable'; reason: string; retryAfterMs?: number }
  /** Known at the provider with another amount or currency. Never charged, never asked again. */
  | { kind: 'conflict'; reason: string };

/**
 * Charges an order. Whoever plugs in a provider keeps this, or a promise of the pair breaks (docs/gateway.md says which):
 * - The first final answer under an `idempotencyKey` is given again to every later call with it; another amount or currency is a
 *   `conflict`.
 * - A provider replays what it saved, so a redrive has a new key. Before it charges under that (`redrive` above 0), the gateway looks up
 *   what is known of the order: approved is the answer, under way is `unavailable`, and only without either is it charged.
 * - What is not known is `unavailable`, never `declined`: a lost answer may be that of a charge.
 * It may throw, hang, or answer rubbish: `createGateway` makes each of them `unavailable` within the deadline. `signal` aborts at the
 * deadline and when nobody waits any more; what comes later is ignored.
 */
export type Gateway = (request: ChargeRequest, signal: AbortSignal) => ChargeResult | Promise<ChargeResult>;
