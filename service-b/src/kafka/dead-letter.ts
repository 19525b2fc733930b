import type { IHeaders, KafkaMessage } from 'kafkajs';
import { z } from 'zod';
import type { TraceHeaders } from '../utils/tracing';
import { timestampSchema } from './messages';

/** A record as it was consumed. */
export type ConsumedRecord = {
  topic: string;
  partition: number;
  message: KafkaMessage;
  /** The trace that its outcome is part of. */
  trace?: TraceHeaders | undefined;
};

/** The value of a record of `orders.DLT`. Field by field: see `kafka/asyncapi.yaml`. */
const deadLetterSchema = z.object({
  originalTopic: z.string(),
  originalPartition: z.int().nonnegative(),
  originalOffset: z.string().regex(/^\d+$/, 'Must be decimal text'),
  originalKey: z.string().nullable(),
  originalKeyEncoding: z.literal('base64').optional(),
  originalValue: z.unknown(),
  originalValueEncoding: z.enum(['json', 'utf8', 'base64', 'none']),
  errorType: z.string(),
  errorMessage: z.string(),
  errorStack: z.string(),
  failedAt: timestampSchema,
  retryCount: z.int().nonnegative(),
}).refine(({ originalValue: value, originalValueEncoding: encoding }) => {
  if (encoding === 'none') return value === null;
  return encoding === 'json' || typeof value === 'string';
}, { path: ['originalValue'], message: 'Must be what originalValueEncoding says' });

export type DeadLetter = z.output<typeof deadLetterSchema>;

type EncodedValue = Pick<DeadLetter, 'originalValue' | 'originalValueEncoding'>;
type EncodedKey = Pick<DeadLetter, 'originalKey' | 'originalKeyEncoding'>;

/** A record of `orders.DLT` that is no dead letter. */
export class UnreadableDeadLetterError extends Error {
  override readonly name = 'UnreadableDeadLetterError';
}

/** `ignoreBOM` keeps a byte order mark as a character: with it dropped, the exact bytes could not be had back. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes that are UTF-8; its bytes are the same again. */
export const exactText = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
};

/**
 * The JSON value of a text, if serialising it gives the same text again. Numbers beyond 2^53, white space, repeated fields or a nesting
 * too deep to serialise make it differ; then the text itself has to travel.
 */
const exactJson = (text: string): { value: unknown } | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === text ? { value } : undefined;
  } catch {
    return undefined;
  }
};

const encodeValue = (bytes: Buffer | null): EncodedValue => {
  if (bytes === null) return { originalValue: null, originalValueEncoding: 'none' };
  const text = exactText(bytes);
  if (text === undefined) return { originalValue: bytes.toString('base64'), originalValueEncoding: 'base64' };
  const json = exactJson(text);
  return json === undefined ? { originalValue: text, originalValueEncoding: 'utf8' } : { originalValue: json.value, originalValueEncoding: 'json' };
};

const encodeKey = (bytes: Buffer | null): EncodedKey => {
  if (bytes === null) return { originalKey: null };
  const text = exactText(bytes);
  return text === undefined ? { originalKey: bytes.toString('base64'), originalKeyEncoding: 'base64' } : { originalKey: text };
};

/**
 * The original's headers in a form that KafkaJS can send. It decodes a null value to null, which it cannot encode (an empty one comes
 * nearest), and takes a name like `toString` for a header seen before, so that a function turns up among its values.
 */
const sendableHeaders = (headers: IHeaders = {}): IHeaders => Object.fromEntries(Object.entries(headers).map(([name, value]) => {
  const values: unknown[] = [value].flat();
  return [name, values.flatMap((one) => {
    if (one === null) return [Buffer.alloc(0)];
    return typeof one === 'string' || Buffer.isBuffer(one) ? [one] : [];
  })];
}));

const MAX_HEADER_CHARACTERS = 1_000;

/** Where a record failed and why, as header text under the names of KIP-1191, so that tools that know the convention can show it. */
const failureHeaders = ({ topic, partition, message }: ConsumedRecord, error: Error, groupId: string, deliveryCount: number): IHeaders => ({
  '__dlq.errors.topic': topic,
  '__dlq.errors.partition': String(partition),
  '__dlq.errors.offset': message.offset,
  '__dlq.errors.group': groupId,
  '__dlq.errors.delivery.count': String(deliveryCount),
  '__dlq.errors.message': error.message.slice(0, MAX_HEADER_CHARACTERS),
});

const serialise = (rest: Omit<DeadLetter, keyof EncodedValue>, value: Buffer | null): string => {
  const { originalTopic, originalPartition, originalOffset, originalKey, originalKeyEncoding, ...failure } = rest;
  const wrap = (encoded: EncodedValue): string => JSON.stringify({
    originalTopic, originalPartition, originalOffset, originalKey, originalKeyEncoding, ...encoded, ...failure,
  } satisfies DeadLetter);
  const encoded = encodeValue(value);
  try {
    return wrap(encoded);
  } catch (error) {
    // One level deeper than the value alone: nesting at the very limit fits there and not here.
    if (!(error instanceof RangeError) || value === null) throw error;
    return wrap({ originalValue: value.toString(), originalValueEncoding: 'utf8' });
  }
};

/**
 * Wraps a record that could not be processed. Nothing of the original is lost: its value, key and headers can be had back to the byte.
 * @param retryCount tries after the first one
 * @returns the JSON text of a `DeadLetter`, and the headers to send with it
 */
export const toDeadLetter = ({ record, error, retryCount, failedAt, groupId }: {
  record: ConsumedRecord;
  error: Error;
  retryCount: number;
  failedAt: Date;
  groupId: string;
}): { value: string; headers: IHeaders } => ({
  value: serialise({
    originalTopic: record.topic,
    originalPartition: record.partition,
    originalOffset: record.message.offset,
    ...encodeKey(record.message.key),
    errorType: error.name,
    errorMessage: error.message,
    errorStack: error.stack ?? '',
    failedAt: failedAt.toISOString(),
    retryCount,
  }, record.message.value),
  headers: { ...sendableHeaders(record.message.headers), ...failureHeaders(record, error, groupId, retryCount + 1) },
});

/**
 * Reads the value of a record of `orders.DLT`, whoever wrote it.
 * @throws UnreadableDeadLetterError
 */
export const readDeadLetter = (value: Buffer | null): DeadLetter => {
  let json: unknown;
  try {
    json = JSON.parse(value?.toString() ?? '');
  } catch (cause) {
    throw new UnreadableDeadLetterError('not JSON', { cause });
  }
  const parsed = deadLetterSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UnreadableDeadLetterError(`not a dead letter: ${issue?.path.join('.') || 'value'}: ${issue?.message}`);
};

const decode = (value: unknown, encoding: DeadLetter['originalValueEncoding']): Buffer | null => {
  if (encoding === 'none') return null;
  return encoding === 'json' ? Buffer.from(JSON.stringify(value)) : Buffer.from(String(value), encoding);
};

export type Original = { partition: number; key: Buffer | null; value: Buffer | null; headers: IHeaders };

/**
 * The record that `toDeadLetter` wrapped: partition, and to the byte its key, value and headers.
 * @param headers those of the dead letter
 * @throws UnreadableDeadLetterError when the value is nested too deep to be written out here
 */
export const originalOf = (letter: DeadLetter, headers: IHeaders = {}): Original => {
  const { originalPartition, originalKey, originalKeyEncoding = 'utf8', originalValue, originalValueEncoding } = letter;
  const own = Object.entries(sendableHeaders(headers)).filter(([name]) => !name.startsWith('__dlq.errors.'));
  try {
    return {
      partition: originalPartition,
      key: decode(originalKey, originalKey === null ? 'none' : originalKeyEncoding),
      value: decode(originalValue, originalValueEncoding),
      headers: Object.fromEntries(own),
    };
  } catch (cause) {
    throw new UnreadableDeadLetterError('the original is nested too deep to be written out', { cause });
  }
};
