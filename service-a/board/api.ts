import { isOrder, type Order } from './order.ts';

export type Fault = { path: string; message: string };

/** An answer that is no success: what service-a says of it, by RFC 9457. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly status: number,
    detail: string,
    readonly faults: readonly Fault[],
    /** How long to wait before asking again, when service-a says so. */
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
    typeof detail === 'string' ? detail : `service-a answered ${response.status}.`,
    Array.isArray(errors) ? errors.filter(isFault) : [],
    Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  );
};

/** No answer, or only a part of one: what was asked for may have been done. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Throws ProblemError for any answer that is no success, UnreachableError without one, and the reason of `signal` when that aborts. */
const request = async (path: string, init: RequestInit = {}): Promise<unknown> => {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch (error) {
    init.signal?.throwIfAborted();
    throw new UnreachableError('service-a cannot be reached.', { cause: error });
  }
  const body = parse(text);
  if (!response.ok) throw problemOf(response, body);
  return body;
};

export type Page = { orders: Order[]; next: string | undefined };

/** A page of the list, the newest first. It may be empty and still have a next one. */
export const fetchPage = async (cursor: string | undefined, signal: AbortSignal): Promise<Page> => {
  const query = new URLSearchParams({ limit: '500', ...(cursor !== undefined && { cursor }) });
  const { orders, next } = await request(`/orders?${query.toString()}`, { signal }) as { orders?: unknown; next?: unknown };
  return { orders: Array.isArray(orders) ? orders.filter(isOrder) : [], next: typeof next === 'string' ? next : undefined };
};

/** @returns undefined when there is no such order */
export const fetchOrder = async (orderId: string): Promise<Order | undefined> => {
  try {
    const order = await request(`/orders/${encodeURIComponent(orderId)}`);
    return isOrder(order) ? order : undefined;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return undefined;
    throw error;
  }
};

/** @returns the order's status: another one than `pending` if it was known already */
export const postOrder = async (order: object, signal: AbortSignal): Promise<string> => {
  const body = await request('/orders', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(order), signal });
  return String((body as { status?: unknown }).status);
};
