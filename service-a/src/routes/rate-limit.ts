import { ipKeyGenerator, MemoryStore, rateLimit } from 'express-rate-limit';
import type { Request, RequestHandler } from 'express';
import { Problem } from './problem';

/** So many addresses are told apart within two minutes, in some 20 MB; the others share one count. */
const ADDRESSES_MAX = 100_000;
/** Who has IPv6 has that many addresses at least. */
const IPV6_PREFIX = 64;

/**
 * So many requests a minute for each client: it is who `nameOf` says, or else an address. Every answer tells what is left
 * (`RateLimit`, draft-ietf-httpapi-ratelimit-headers-08); one request too many gets Problem 429 with `Retry-After`.
 */
export const createRateLimit = ({ perMinute, nameOf, addressesMax = ADDRESSES_MAX }: {
  perMinute: number;
  nameOf: (req: Request) => string | undefined;
  addressesMax?: number;
}): RequestHandler => {
  const store = new MemoryStore();
  const isKnown = (key: string): boolean => store.current.has(key) || store.previous.has(key);
  const keyOf = (req: Request): string => {
    const name = nameOf(req);
    if (name !== undefined) return `token ${name}`;
    const key = ipKeyGenerator(req.socket.remoteAddress ?? '', IPV6_PREFIX);
    return isKnown(key) || store.current.size + store.previous.size < addressesMax ? key : 'others';
  };
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'minute',
    keyGenerator: keyOf,
    store,
    // Its headers are set by now.
    handler: (_req, _res, next) => next(new Problem(429, `More than ${perMinute} requests in a minute.`)),
  });
};
