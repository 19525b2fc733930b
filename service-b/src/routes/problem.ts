import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Logger } from '../utils/logger';
import { problemOf } from '../utils/refusal';

/** An answer that is an error by RFC 9457. Its `detail` is for the client: nothing internal goes there. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(readonly status: number, readonly detail: string, readonly headers: Record<string, string> = {}) {
    super(detail);
  }
}

export const methodNotAllowed = (allow: string): RequestHandler => (req) => {
  throw new Problem(405, `${req.method} is not allowed here; allowed: ${allow}.`, { Allow: allow });
};

export const notFound: RequestHandler = () => {
  throw new Problem(404, 'There is nothing at this address.');
};

/** The one place where an error becomes an answer. What is not a known problem is logged in full and answered with a bare 500. */
export const errorHandler = (logger: Logger): ErrorRequestHandler => (error: unknown, req, res, next) => {
  const problem = error instanceof Problem ? error : new Problem(500, 'Something went wrong on our side.');
  if (problem !== error) logger.error('request failed', { method: req.method, path: req.path, error });
  if (res.headersSent) {
    next(error);
    return;
  }
  const { status, detail, headers } = problem;
  res.status(status).set(headers).type('application/problem+json').send(JSON.stringify(problemOf(status, detail)));
};
