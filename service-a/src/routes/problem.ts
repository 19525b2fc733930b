import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { OutgoingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { StoreUnavailableError } from '../processors/order-store';
import type { Logger } from '../utils/logger';
import { problemOf } from '../utils/refusal';
import type { Answer } from './answer';

type Fault = { path: string; message: string };

/** An answer that is an error by RFC 9457. Its `detail` is for the client: nothing internal goes there. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly headers: OutgoingHttpHeaders;
  readonly more: { errors?: Fault[]; orderId?: string };

  constructor(
    readonly status: number,
    readonly detail: string,
    { headers = {}, ...more }: { headers?: OutgoingHttpHeaders; errors?: Fault[]; orderId?: string } = {},
  ) {
    super(detail);
    this.headers = headers;
    this.more = more;
  }
}

/** @param orderId the order that the client may post again; it may not know the id, if the service made it */
export const unavailable = (detail: string, orderId?: string): Problem =>
  new Problem(503, detail, { headers: { 'Retry-After': 1 }, ...(orderId !== undefined && { orderId }) });

export const invalid = (detail: string, error: z.ZodError): Problem => new Problem(400, detail, {
  errors: error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
});

/** Answers 405 for a path that exists with other methods. */
export const methodNotAllowed = (allow: string): RequestHandler => (req) => {
  throw new Problem(405, `${req.method} is not allowed here; allowed: ${allow}.`, { headers: { Allow: allow } });
};

export const notFound: RequestHandler = () => {
  throw new Problem(404, 'There is nothing at this address.');
};

const toProblem = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailableError) return unavailable('The orders cannot be asked for now.');
  // Express cannot decode a part of the path: there is nothing at such an address.
  return error instanceof URIError ? new Problem(404, 'There is nothing at this address.') : undefined;
};

/** The one place where an error becomes an answer. What is not a known problem is logged in full and answered with a bare 500. */
export const errorHandler = ({ answer, logger }: { answer: Answer; logger: Logger }): ErrorRequestHandler => (
  error: unknown, req, res, next,
) => {
  const problem = toProblem(error);
  if (problem === undefined) logger.error('request failed', { method: req.method, path: req.path, error });
  if (res.headersSent) {
    next(error);
    return;
  }
  const { status, detail, headers, more } = problem ?? new Problem(500, 'Something went wrong on our side.');
  answer(res, status, { ...problemOf(status, detail), ...more }, { ...headers, 'Content-Type': 'application/problem+json' });
};
