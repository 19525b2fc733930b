export type Fault = { path: string; message: string };

/** An answer that is no success: what the service says of it, by RFC 9457. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly status: number,
    detail: string,
    readonly faults: readonly Fault[],
    /** How long to wait before asking again, when the service says so. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(detail);
  }
}

const isFault = (value: unknown): value is Fault => {
  const { path, message } = (value ?? {}) as Partial<Record<keyof Fault, unknown>>;
  return typeof path === 'string' && typeof message === 'string';
};

const problemOf = (response: Response, body: unknown): ProblemError => {
  const { detail, errors } = (body ?? {}) as { detail?: unknown; errors?: unknown };
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new ProblemError(
    response.status,
    typeof detail === 'string' ? detail : `The service answered ${response.status}.`,
    Array.isArray(errors) ? errors.filter(isFault) : [],
    Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  );
};

/** No answer, or only a part of one: what was asked for may have been done. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** What a JSON text says; undefined if it is none. */
export const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Throws ProblemError for any answer that is no success, UnreachableError without one, and the reason of `signal` when that aborts. */
export const request = async (path: string, init: RequestInit = {}): Promise<unknown> => {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (error) {
    init.signal?.throwIfAborted();
    throw new UnreachableError('The service cannot be reached.', { cause: error });
  }
  const body = parse(text);
  if (!response.ok) throw problemOf(response, body);
  return body;
};

/** What `ask` answers; undefined when there is no such thing. */
export const orNone = async <T>(ask: Promise<T>): Promise<T | undefined> => {
  try {
    return await ask;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return undefined;
    throw error;
  }
};

/** The values that are of a kind; none where there is no list. */
export const listOf = <T>(value: unknown, isOne: (each: unknown) => each is T): T[] => Array.isArray(value) ? value.filter(isOne) : [];
