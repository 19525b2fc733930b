import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import type { z } from 'zod';
import type { Logger } from '../utils/logger';

type Fault = { path: string; message: string };

/** An answer that is an error by RFC 9457. Its `detail` is for the client: nothing internal goes there. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly headers: Record<string, string>;
  readonly errors: Fault[] | undefined;

  constructor(
    readonly status: number,
    readonly detail: string,
    { headers = {}, errors }: { headers?: Record<string, string>; errors?: Fault[] } = {},
  ) {
    super(detail);
    this.headers = headers;
    this.errors = errors;
  }
}

export const unavailable = (detail: string, retryAfterSeconds = 1): Problem =>
  new Problem(503, detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });

export const invalid = (error: z.ZodError): Problem => new Problem(400, 'The body is not a valid order.', {
  errors: error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
});

export const sendProblem = (res: Response, { status, detail, headers, errors }: Problem): void => {
  res.status(status).set(headers).type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, ...(errors && { errors }) }));
};

/** Answers 405 for a path that exists with other methods. */
export const methodNotAllowed = (allow: string): RequestHandler => (req) => {
  throw new Problem(405, `${req.method} is not allowed here; allowed: ${allow}.`, { headers: { Allow: allow } });
};

export const notFound: RequestHandler = () => {
  throw new Problem(404, 'There is nothing at this address.');
};

/** What Express and its body parser report, in this service's words. */
const parserProblems: Record<string, [status: number, detail: string]> = {
  'entity.too.large': [413, 'The body is larger than this service accepts.'],
  'entity.parse.failed': [400, 'The body is not valid JSON.'],
  'encoding.unsupported': [415, 'The content encoding is not supported.'],
  'charset.unsupported': [415, 'The charset is not supported: send UTF-8.'],
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const toProblem = (error: unknown): Problem | undefined => {
  if (error instanceof Problem) return error;
  if (!isRecord(error)) return undefined;
  const known = parserProblems[String(error['type'])];
  if (known !== undefined) return new Problem(...known);
  const status = error['status'];
  return typeof status === 'number' && status >= 400 && status < 500 ? new Problem(status, 'The request could not be read.') : undefined;
};

/** The one place where an error becomes an answer. What is not a known problem is logged in full and answered with a bare 500. */
export const errorHandler = (logger: Logger): ErrorRequestHandler => (error: unknown, req, res, next) => {
  const problem = toProblem(error);
  if (problem === undefined) logger.error('request failed', { method: req.method, path: req.path, error });
  if (res.headersSent) next(error);
  else sendProblem(res, problem ?? new Problem(500, 'Something went wrong on our side.'));
};
