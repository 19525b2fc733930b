import { z } from 'zod';
import { InvalidOrderError, type Order } from '../processors/order';
import type { PaymentCompleted } from '../processors/payment';
import { instantOf } from '../utils/timestamp';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Characters are counted as people and JSON Schema do: code points, not UTF-16 units. */
const text = (maximum: number) => z.string().min(1).refine(
  (value) => value.length <= maximum || (value.length <= 2 * maximum && [...value].length <= maximum),
  `Too long: at most ${maximum} characters`,
);

/** RFC 3339, as written by whatever producer. */
export const timestampSchema = z.string().refine((value) => !Number.isNaN(instantOf(value)), 'Must be a timestamp of RFC 3339');

/** Beyond this a double stands for several numbers: another amount than the one written would be charged. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

const itemSchema = z.object({ productId: text(128), quantity: z.int().positive(), price: z.number().nonnegative().max(NUMBER_MAX) });

/** What this service reads of an ORDER_CREATED event; fields it does not know are ignored. */
const orderCreatedSchema = z.object({
  eventType: z.literal('ORDER_CREATED'),
  eventId: z.string(),
  timestamp: timestampSchema,
  data: z.object({
    orderId: z.string().regex(UUID, 'Must be a UUID').transform((value) => value.toLowerCase()),
    userId: text(128),
    amount: z.number().positive().max(NUMBER_MAX),
    currency: z.string().regex(/^[A-Z]{3}$/, 'Must be three capital letters'),
    items: z.array(itemSchema).min(1).max(500),
  }),
});

/** The value of a record of `payments` in JSON, as JSON.stringify would write it at several times the cost: nothing in it needs escapes. */
export const paymentCompletedText = ({ eventId, timestamp, data }: PaymentCompleted): string =>
  `{"eventType":"PAYMENT_COMPLETED","eventId":"${eventId}","timestamp":"${timestamp}","data":{"orderId":"${data.orderId}","paymentId":"${data.paymentId}",`
  + `"paymentStatus":"completed","amount":${data.amount},"currency":"${data.currency}","processedAt":"${data.processedAt}"}}`;

const MAX_FAULTS_SHOWN = 10;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws InvalidOrderError */
export const readJson = (value: Uint8Array | null): unknown => {
  if (value === null) throw new InvalidOrderError('record has no value');
  let decoded: string;
  try {
    decoded = utf8.decode(value);
  } catch (cause) {
    throw new InvalidOrderError('value is not valid UTF-8', { cause });
  }
  try {
    return JSON.parse(decoded);
  } catch (cause) {
    throw new InvalidOrderError('value is not valid JSON', { cause });
  }
};

/**
 * Reads a record of `orders`, the value as the codec decoded it: what it has to be, then the key.
 * @throws InvalidOrderError that names what is wrong
 */
export const readOrder = (key: Buffer | null, event: unknown): Order => {
  const parsed = orderCreatedSchema.safeParse(event);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`);
    const more = faults.length > MAX_FAULTS_SHOWN ? `; and ${faults.length - MAX_FAULTS_SHOWN} more` : '';
    throw new InvalidOrderError(`not a valid ORDER_CREATED event: ${faults.slice(0, MAX_FAULTS_SHOWN).join('; ')}${more}`);
  }
  const { orderId, userId, amount, currency } = parsed.data.data;
  if (key === null) throw new InvalidOrderError('record has no key; it must be data.orderId');
  if (key.toString().toLowerCase() !== orderId) throw new InvalidOrderError('key differs from data.orderId');
  return { orderId, userId, amount, currency };
};
