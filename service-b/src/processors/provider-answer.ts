import { z } from 'zod';
import { cut } from '../utils/cut';
import { unknownOutcome } from './bound-gateway';
import type { ChargeRequest, ChargeResult } from './gateway';

/** What a provider answered; `body` is its JSON, undefined when it is none. */
export type Answer = { status: number; retryAfter: string | null; body: unknown };

/** A meaning, and what is wrong with the answer where the provider does not keep the contract. */
type Reading = { result: ChargeResult; fault?: string };

const MAX_REASON_CHARACTERS = 200;
const DECLINED = 'payment gateway declined';

const chargeSchema = z.object({
  id: z.union([z.string(), z.number()]), reference: z.string(), amount: z.number(), currency: z.string(),
  status: z.enum(['approved', 'declined', 'pending']),
});
const approvedSchema = chargeSchema.extend({ status: z.literal('approved') });
const booksSchema = z.object({ charges: z.array(chargeSchema.extend({ key: z.string() })) });
const declinedSchema = z.object({ reason: z.string().trim().min(1) });

type Charge = z.output<typeof chargeSchema>;

const isOf = ({ reference }: Charge, { orderId }: ChargeRequest): boolean => reference.toLowerCase() === orderId;
const isSameMoney = (charge: Charge, { amount, currency }: ChargeRequest): boolean =>
  charge.amount === amount && charge.currency === currency;

/** `Retry-After` in seconds; its other form, a date, needs clocks that agree and is left alone. */
const retryAfterOf = (text: string | null): { retryAfterMs?: number } =>
  (text !== null && /^\s*\d{1,9}\s*$/.test(text) ? { retryAfterMs: Number(text) * 1_000 } : {});

const unavailable = (why: string, request: ChargeRequest, { retryAfter }: Answer): ChargeResult =>
  ({ ...unknownOutcome(why, request), ...retryAfterOf(retryAfter) });

const approvedOrNot = (answer: Answer, request: ChargeRequest): Reading => {
  const parsed = approvedSchema.safeParse(answer.body);
  const believed = parsed.success && isOf(parsed.data, request) && isSameMoney(parsed.data, request);
  if (believed) return { result: { kind: 'approved' } };
  const fault = parsed.success ? 'a charge of another order or amount' : 'no approved charge';
  return { result: unavailable(`the provider answered 201 with ${fault}`, request, answer), fault };
};

/** Answers that every provider gives at times: not now, and not known. */
const EXPECTED = [409, 429, 500, 502, 503, 504];

/** What the answer to `POST /charges` means. Nothing but a 201 that tells of this very charge is taken for one. */
export const readCharge = (answer: Answer, request: ChargeRequest): Reading => {
  const { status, body } = answer;
  if (status === 201) return approvedOrNot(answer, request);
  if (status === 402) {
    const parsed = declinedSchema.safeParse(body);
    return { result: { kind: 'declined', reason: parsed.success ? cut(parsed.data.reason, MAX_REASON_CHARACTERS) : DECLINED } };
  }
  if (status === 422) {
    return { result: { kind: 'conflict', reason: `the idempotency key ${request.idempotencyKey} was used with another amount or currency` } };
  }
  const result = unavailable(`the provider answered ${status}`, request, answer);
  return EXPECTED.includes(status) ? { result } : { result, fault: 'a status that the contract does not know' };
};

/**
 * What the books (the answer to `GET /charges?reference=`) say about an order before it is charged under a new key.
 * @returns no result if it may be charged
 */
export const readBooks = (answer: Answer, request: ChargeRequest): Partial<Reading> => {
  if (answer.status !== 200) {
    const result = unavailable(`the provider answered ${answer.status} to a look-up`, request, answer);
    return EXPECTED.includes(answer.status) ? { result } : { result, fault: 'a status that the contract does not know' };
  }
  const parsed = booksSchema.safeParse(answer.body);
  if (!parsed.success) return { result: unavailable('the provider answered a look-up with no list of charges', request, answer), fault: 'no list of charges' };
  const charges = parsed.data.charges.filter((charge) => isOf(charge, request));
  const approved = charges.filter(({ status }) => status === 'approved');
  if (approved.some((charge) => isSameMoney(charge, request))) return { result: { kind: 'approved' } };
  // What waits under this very key is asked about under it: that can charge nothing twice.
  const pending = charges.find(({ status, key }) => status === 'pending' && key !== request.idempotencyKey);
  if (approved.length === 0 && pending !== undefined) {
    return { result: unavailable(`the provider still works on charge ${pending.id} of this order`, request, answer) };
  }
  const other = approved[0] ?? charges.find((charge) => !isSameMoney(charge, request));
  if (other === undefined) return {};
  const { id, status, amount, currency } = other;
  const reason = cut(`the provider knows this order as charge ${id}, ${status}, of ${amount} ${currency}`, MAX_REASON_CHARACTERS);
  return { result: { kind: 'conflict', reason } };
};
