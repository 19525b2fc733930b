import type { Request, RequestHandler } from 'express';
import type { FindHolder, Holder } from '../utils/tokens';
import { Problem } from './problem';

/** The name of whoever asks, if they have shown a token. */
export type NameOf = (req: Request) => string | undefined;

/** What a machine asks that has no token: whether the service lives, and its figures, which tell of no order. */
const OPEN = new Set(['/health', '/ready', '/metrics']);
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const BASIC = /^Basic +([A-Za-z0-9+/]+=*)$/i;

/** The token that a request shows: as such, or as the password of Basic, by which browsers ask people; its user name may be any. */
const tokenOf = (authorization = ''): string | undefined => {
  const bearer = BEARER.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const [, password] = /^[^:]*:(.+)$/s.exec(Buffer.from(BASIC.exec(authorization)?.[1] ?? '', 'base64').toString()) ?? [];
  return password;
};

/** A field for each: Chromium does not look behind the first challenge of a field. */
const challenge = (more = ''): { 'WWW-Authenticate': string[] } =>
  ({ 'WWW-Authenticate': ['Basic realm="orders", charset="UTF-8"', `Bearer realm="orders"${more}`] });

/** Why a request is refused (RFC 6750); the same whatever it asks for. */
const refusalOf = ({ method }: Request, token: string | undefined, holder: Holder | undefined): Problem | undefined => {
  if (token === undefined) return new Problem(401, 'A token is needed.', { headers: challenge() });
  if (holder === undefined) return new Problem(401, 'This token is not known.', { headers: challenge(', error="invalid_token"') });
  if (holder.scope === 'write' || method === 'GET' || method === 'HEAD') return undefined;
  return new Problem(403, 'This token may only read.', { headers: challenge(', error="insufficient_scope", scope="write"') });
};

/**
 * Stands before all that is not open to everybody: lets through who shows a token with the right to it, if tokens are asked for, and no
 * more of each client than the limit allows, if there is one. Bodies are not read here.
 */
export const accessGuard = ({ findHolder, limitBy }: {
  findHolder: FindHolder | undefined;
  limitBy?: ((nameOf: NameOf) => RequestHandler) | undefined;
}): RequestHandler => {
  const holders = new WeakMap<Request, Holder>();
  const limit: RequestHandler = limitBy?.((req) => holders.get(req)?.name) ?? ((_req, _res, next) => next());
  return (req, res, next) => {
    if (OPEN.has(req.path)) {
      next();
      return;
    }
    if (findHolder === undefined) {
      void limit(req, res, next);
      return;
    }
    const token = tokenOf(req.headers.authorization);
    const holder = token === undefined ? undefined : findHolder(token);
    if (holder !== undefined) holders.set(req, holder);
    void limit(req, res, (error?: unknown) => next(error ?? refusalOf(req, token, holder)));
  };
};
