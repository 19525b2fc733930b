import { z } from 'zod';
import type { ChargeRequest, ChargeResult, Gateway } from './gateway';
import { readBooks, readCharge, type Answer } from './provider-answer';

/** An answer that does not keep the contract: the provider, or its address, is wrong. */
export type Unexpected = { orderId: string; method: string; status: number; fault: string };

const MAX_BODY_BYTES = 64 * 1_024;

const text = z.string().optional().catch(undefined);
const errorSchema = z.object({ message: z.string(), cause: z.object({ code: text, message: text }).optional().catch(undefined) })
  .catch({ message: 'no connection' });

/** The credentials of an address go into a header, as browsers do it; fetch refuses an address that has them. */
const authorizationOf = ({ username, password }: URL): { authorization?: string } => {
  if (username === '' && password === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
};

/** The address of the charges below that of the provider; a query of it is kept. */
const chargesOf = (base: URL): URL => {
  const url = new URL(base);
  url.username = '';
  url.password = '';
  url.hash = '';
  url.pathname = `${base.pathname.replace(/\/+$/, '')}/charges`;
  return url;
};

/** Reads all of a body: a connection is used again only then. Whoever sends more than 64 KiB is cut off. */
const textOf = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new Error('an answer above 64 KiB');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** `fetch` hides what happened in the cause of its error. The code is short, and names no address. */
const reasonOf = (error: unknown): string => {
  const { cause, message } = errorSchema.parse(error);
  return cause?.code ?? cause?.message ?? message;
};

/**
 * Charges at a provider that speaks the HTTP contract of docs/gateway.md. Connections are kept and used again by Node's own `fetch`; the
 * signal ends a call wherever it is. What is no final answer is unavailable.
 * @param url base address, http or https, perhaps with a path, credentials or a query
 */
export const createHttpGateway = ({ url, onUnexpected }: { url: string; onUnexpected: (answer: Unexpected) => void }): Gateway => {
  const base = new URL(url);
  const charges = chargesOf(base);
  const headers = { ...authorizationOf(base), accept: 'application/json' };

  const send = async (to: URL, init: RequestInit): Promise<Answer> => {
    try {
      const response = await fetch(to, { ...init, redirect: 'manual' });
      return { status: response.status, retryAfter: response.headers.get('retry-after'), body: jsonOf(await textOf(response)) };
    } catch (error) {
      throw new Error(reasonOf(error), { cause: error });
    }
  };

  const tell = ({ orderId }: ChargeRequest, method: string, { status }: Answer, fault: string | undefined): void => {
    if (fault !== undefined) onUnexpected({ orderId, method, status, fault });
  };

  /** What the provider knows of an order that may have been charged under an earlier key; undefined if it may be charged. */
  const lookUp = async (request: ChargeRequest, signal: AbortSignal): Promise<ChargeResult | undefined> => {
    const of = new URL(charges);
    of.searchParams.set('reference', request.orderId);
    const answer = await send(of, { headers, signal });
    const { result, fault } = readBooks(answer, request);
    tell(request, 'GET', answer, fault);
    return result;
  };

  const charge = async (request: ChargeRequest, signal: AbortSignal): Promise<ChargeResult> => {
    const { orderId, idempotencyKey, amount, currency } = request;
    const answer = await send(charges, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify({ reference: orderId, amount, currency }),
      signal,
    });
    const { result, fault } = readCharge(answer, request);
    tell(request, 'POST', answer, fault);
    return result;
  };

  // Before each attempt of a redrive, not only the first: this process may not be the one that made the first.
  return async (request, signal) => (request.redrive > 0 ? await lookUp(request, signal) : undefined) ?? charge(request, signal);
};
