import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { z } from 'zod';
import type { Logger } from '../utils/logger';
import { problemOf } from '../utils/refusal';

type Fault = { path: string; message: string };
type Headers = Record<string, string | string[]>;

/** An answer that is an error by RFC 9457. Its `detail` is for the client: nothing internal goes there. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly headers: Headers;
  readonly more: { errors?: Fault[]; redrive?: string };

  constructor(
    readonly status: number,
    readonly detail: string,
    { headers = {}, ...more }: { headers?: Headers; errors?: Fault[]; redrive?: string } = {},
  ) {
    super(detail);
    this.headers = headers;
    this.more = more;
  }
}

export const unavailable = (detail: string): Problem => new Problem(503, detail, { headers: { 'Retry-After': '1' } });

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
  // Express cannot decode a part of the path: there is nothing at such an address.
  return error instanceof URIError ? new Problem(404, 'There is nothing at this address.') : undefined;
};

/** The one place where an error becomes an answer. What is not a known problem is logged in full and answered with a bare 500. */
export const errorHandler = (logger: Logger): ErrorRequestHandler => (error: unknown, req, res, next) => {
  const problem = toProblem(error);
  if (problem === undefined) logger.error('request failed', { method: req.method, path: req.path, error });
  if (res.headersSent) {
    next(error);
    return;
  }
  const { status, detail, headers, more } = problem ?? new Problem(500, 'Something went wrong on our side.');
  res.status(status).set(headers).type('application/problem+json').send(JSON.stringify({ ...problemOf(status, detail), ...more }));
};
