import { randomUUID } from 'node:crypto';
import { ClaimsFullError } from '../processors/order-store';

/** An id that is taken, and the order and event it is taken for. */
export type Claim = { readonly text: string; readonly eventId: string; readonly timestamp: string; tries: number };

/**
 * Ids that are taken for orders on their way to the log, the one tried longest ago first. None is ever forgotten: of each it must be known
 * which event to publish again, so at the bound there are no new ones.
 */
export const createClaims = ({ max, maxBytes }: { max: number; maxBytes: number }) => {
  const claims = new Map<string, Claim>();
  let bytes = 0;

  const drop = (orderId: string): void => {
    const claim = claims.get(orderId);
    if (claim === undefined) return;
    claims.delete(orderId);
    bytes -= Buffer.byteLength(claim.text);
  };

  const full = (): ClaimsFullError => {
    const [orderId, { text, eventId, timestamp }] = claims.entries().next().value!;
    return new ClaimsFullError({ orderId, text, eventId, timestamp });
  };

  return {
    get: (orderId: string): Claim | undefined => claims.get(orderId),
    drop,
    /**
     * Counts a try: of the claim on an id, or of a new one.
     * @returns undefined when the id is taken for another order
     * @throws ClaimsFullError
     */
    take: (orderId: string, text: string): Claim | undefined => {
      const known = claims.get(orderId);
      if (known !== undefined && known.text !== text) return undefined;
      if (known === undefined && (claims.size >= max || bytes >= maxBytes)) throw full();
      const claim = known ?? { text, eventId: randomUUID(), timestamp: new Date().toISOString(), tries: 0 };
      claim.tries += 1;
      drop(orderId);
      claims.set(orderId, claim);
      bytes += Buffer.byteLength(text);
      return claim;
    },
    /** One try certainly left nothing behind. */
    release: (orderId: string): void => {
      const claim = claims.get(orderId);
      if (claim === undefined) return;
      claim.tries -= 1;
      if (claim.tries === 0) drop(orderId);
    },
  };
};
