import { z } from 'zod';
import type { OrderEvent, OrderFact } from '../processors/facts';
import { canonicalText, orderSchema, uuidSchema } from '../processors/order';
import { cut } from '../utils/cut';
import { instantOf } from '../utils/timestamp';
import { SchemaNeededError } from './avro';
import { withoutOriginalHeaders } from './envelope-text';
import type { Headers } from './record-headers';

const timestampSchema = z.string().refine((value) => !Number.isNaN(instantOf(value)), 'Must be a timestamp of RFC 3339');

const orderCreatedSchema = z.object({
  eventType: z.literal('ORDER_CREATED'),
  eventId: z.string(),
  timestamp: timestampSchema,
  data: orderSchema,
});

const paymentCompletedSchema = z.object({
  eventType: z.literal('PAYMENT_COMPLETED'),
  timestamp: timestampSchema,
  data: z.object({ orderId: uuidSchema, paymentId: uuidSchema, paymentStatus: z.literal('completed') }),
});

/** Of what went wrong so much is held, and shown with the order. A dead letter has room for ten million, and whoever lists reads many. */
const FAILURE_CHARACTERS = 1_000;

const beginningSchema = z.string().transform((text) => cut(text, FAILURE_CHARACTERS));

const deadLetterSchema = z.object({
  originalKey: z.string().nullable(),
  originalValue: z.unknown(),
  originalValueEncoding: z.enum(['json', 'utf8', 'base64', 'none']),
  errorType: beginningSchema,
  errorMessage: beginningSchema,
  failedAt: timestampSchema,
  retryCount: z.int().nonnegative(),
});

type OrderCreated = z.output<typeof orderCreatedSchema>;
type DeadLetter = z.output<typeof deadLetterSchema>;

/** The value of a record of `orders` as JSON. */
export const orderCreatedText = ({ eventId, timestamp, order }: OrderEvent): string =>
  `{"eventType":"ORDER_CREATED","eventId":"${eventId}","timestamp":"${timestamp}","data":${order}}`;

/** A record that cannot be read as what its topic carries. */
export class UnreadableRecordError extends Error {
  override readonly name = 'UnreadableRecordError';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

const parse = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UnreadableRecordError(`${issue?.path.join('.') || 'record'}: ${issue?.message}`);
};

const asJson = <T>(read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    throw new UnreadableRecordError('record is not UTF-8 JSON', { cause });
  }
};

const decodeText = (value: Uint8Array | null): string => {
  if (value === null) throw new UnreadableRecordError('record has no value');
  return asJson(() => utf8.decode(value));
};

const parseText = (text: string): unknown => asJson(() => JSON.parse(text) as unknown);

/** @throws UnreadableRecordError */
export const readJson = (value: Uint8Array | null): unknown => parseText(decodeText(value));

const jsonOrNothing = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const REDRIVES_MAX = 1_000_000;

/** A redriven record tells in `redrive-count` how often it was put back; anything but a decimal number in bounds counts as 0. */
const attemptsOf = (headers: Headers = {}): number => {
  const count = headers['redrive-count'];
  const text = Buffer.isBuffer(count) ? count.toString('latin1') : '';
  const redrives = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return 1 + (redrives <= REDRIVES_MAX ? redrives : 0);
};

const readOrderEvent = (key: string | null, event: unknown): OrderCreated => {
  const created = parse(orderCreatedSchema, event);
  if (key?.toLowerCase() !== created.data.orderId) throw new UnreadableRecordError('key differs from data.orderId');
  return created;
};

// What the codec decoded, before anything of it can be trusted.

/** @throws UnreadableRecordError */
export const readOrderCreated = (key: Uint8Array | null, event: unknown, headers?: Headers): OrderFact => {
  const { data, timestamp } = readOrderEvent(key && Buffer.from(key).toString(), event);
  return { kind: 'created', orderId: data.orderId, order: canonicalText(data), createdAt: timestamp, attempts: attemptsOf(headers) };
};

/** @throws UnreadableRecordError */
export const readPaymentCompleted = (event: unknown): OrderFact => {
  const { data, timestamp } = parse(paymentCompletedSchema, event);
  return { kind: 'paid', orderId: data.orderId, paymentId: data.paymentId, at: timestamp };
};

/** The headers of the original say nothing here, and are not read where that can be spared. */
const readLetter = (value: Uint8Array | null): DeadLetter => {
  const text = decodeText(value);
  const brief = withoutOriginalHeaders(text);
  const parsed = brief === undefined ? undefined : deadLetterSchema.safeParse(jsonOrNothing(brief));
  return parsed?.success === true ? parsed.data : parse(deadLetterSchema, parseText(text));
};

/** The original as an event. @throws what is wrong with it */
const originalOf = ({ originalValue, originalValueEncoding: encoding }: DeadLetter, decodeOrder: (value: Buffer) => unknown): unknown => {
  if (encoding === 'json') return originalValue;
  // Exact text keeps its byte order mark, which JSON does not know and readers of bytes drop.
  return encoding === 'utf8' ? JSON.parse(String(originalValue).replace(/^\uFEFF/, '')) : decodeOrder(Buffer.from(String(originalValue), 'base64'));
};

/**
 * A dead letter is about an order only if its original was one: rubbish under an order's key says nothing of that order.
 * @param decodeOrder reads an original that is no text
 * @returns undefined for a dead letter whose original is no order
 * @throws UnreadableRecordError; SchemaNeededError
 */
export const readDeadLetter = (
  value: Uint8Array | null, headers: Headers | undefined, decodeOrder: (value: Buffer) => unknown,
): OrderFact | undefined => {
  const letter = readLetter(value);
  try {
    const { data, timestamp } = readOrderEvent(letter.originalKey, originalOf(letter, decodeOrder));
    return {
      kind: 'failed',
      orderId: data.orderId,
      order: canonicalText(data),
      createdAt: timestamp,
      attempts: attemptsOf(headers),
      failure: { type: letter.errorType, message: letter.errorMessage, retryCount: letter.retryCount, failedAt: letter.failedAt },
    };
  } catch (error) {
    if (error instanceof SchemaNeededError) throw error;
    return undefined;
  }
};
