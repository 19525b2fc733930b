import { isUtf8 } from 'node:buffer';
import type { IHeaders } from 'kafkajs';
import { z } from 'zod';
import { isAvro } from './avro';
import type { ConsumedRecord } from './consumed-record';
import { withoutOriginalHeaders } from './envelope-text';
import { withMore, withoutPrefix } from './header-changes';
import { blockOfOriginal, isOriginalHeaders, originalHeadersText, type OriginalHeader } from './original-headers';
import { blockOf, headersOf, type Headers } from './record-headers';
import { timestampSchema } from './messages';

/** The value of a record of `orders.DLT`. Field by field: see `kafka/asyncapi.yaml`. */
const deadLetterSchema = z.object({
  originalTopic: z.string(),
  originalPartition: z.int().nonnegative(),
  originalOffset: z.string().regex(/^\d{1,19}$/, 'Must be decimal text'),
  originalKey: z.string().nullable(),
  originalKeyEncoding: z.literal('base64').optional(),
  originalValue: z.unknown(),
  originalValueEncoding: z.enum(['json', 'utf8', 'base64', 'none']),
  originalHeaders: z.custom<OriginalHeader[]>(isOriginalHeaders, 'Must be a list of [name, value]').optional(),
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

/** The original's value as JSON text. */
type EncodedValue = { text: string; encoding: DeadLetter['originalValueEncoding'] };
type EncodedKey = Pick<DeadLetter, 'originalKey' | 'originalKeyEncoding'>;

/** A record of `orders.DLT` that is no dead letter. */
export class UnreadableDeadLetterError extends Error {
  override readonly name = 'UnreadableDeadLetterError';
}

/** The text of bytes that are UTF-8; its bytes are the same again. */
export const exactText = (bytes: Buffer): string | undefined => (isUtf8(bytes) ? bytes.toString() : undefined);

/** The same of a value: Avro is no text, even where its bytes happen to be one. */
export const exactTextOfValue = (bytes: Buffer): string | undefined => (isAvro(bytes) ? undefined : exactText(bytes));

/**
 * Whether a text is JSON that comes out the same when it is read and serialised again. Numbers beyond 2^53, white space, repeated fields or
 * a nesting too deep to serialise make it differ; then it has to travel as a text.
 */
const isExactJson = (text: string): boolean => {
  try {
    return JSON.stringify(JSON.parse(text)) === text;
  } catch {
    return false;
  }
};

const encodeValue = (bytes: Buffer | null): EncodedValue => {
  if (bytes === null) return { text: 'null', encoding: 'none' };
  const text = exactTextOfValue(bytes);
  if (text === undefined) return { text: `"${bytes.toString('base64')}"`, encoding: 'base64' };
  return isExactJson(text) ? { text, encoding: 'json' } : { text: JSON.stringify(text), encoding: 'utf8' };
};

const encodeKey = (bytes: Buffer | null): EncodedKey => {
  if (bytes === null) return { originalKey: null };
  const text = exactText(bytes);
  return text === undefined ? { originalKey: bytes.toString('base64'), originalKeyEncoding: 'base64' } : { originalKey: text };
};

const MAX_HEADER_CHARACTERS = 1_000;

/** Where a record failed and why, as header text under the names of KIP-1191, so that tools that know the convention can show it. */
const failureHeaders = (
  { topic, partition, message }: ConsumedRecord, error: Error, groupId: string, deliveryCount: number,
): Record<string, string> => ({
  '__dlq.errors.topic': topic,
  '__dlq.errors.partition': String(partition),
  '__dlq.errors.offset': message.offset,
  '__dlq.errors.group': groupId,
  '__dlq.errors.delivery.count': String(deliveryCount),
  '__dlq.errors.message': error.message.slice(0, MAX_HEADER_CHARACTERS),
});

/** The fields of an object as JSON text, without its braces. */
const fieldsOf = (fields: Partial<DeadLetter>): string => JSON.stringify(fields).slice(1, -1);

/**
 * Wraps a record that could not be processed. Nothing of the original is lost: its value, key and headers can be had back to the byte.
 * @param retryCount tries after the first one
 * @returns the JSON text of a `DeadLetter`, and the headers to send with it: the original's, and behind them those of KIP-1191
 */
export const toDeadLetter = ({ record, error, retryCount, failedAt, groupId }: {
  record: ConsumedRecord;
  error: Error;
  retryCount: number;
  failedAt: Date;
  groupId: string;
}): { value: string; headers: IHeaders } => {
  const { key, value, offset, headers } = record.message;
  const block = blockOf(headers);
  const { text, encoding } = encodeValue(value);
  const parts = [
    fieldsOf({ originalTopic: record.topic, originalPartition: record.partition, originalOffset: offset, ...encodeKey(key) }),
    // As text: what is JSON already, and may be a megabyte of it, is not read and written again.
    `"originalValue":${text},"originalValueEncoding":"${encoding}"`,
    fieldsOf({
      errorType: error.name, errorMessage: error.message, errorStack: error.stack ?? '', failedAt: failedAt.toISOString(), retryCount,
    }),
    // Last, so that readers who do not want them need not read them.
    ...(block.count > 0 ? [`"originalHeaders":${originalHeadersText(block)}`] : []),
  ];
  return { value: `{${parts.join(',')}}`, headers: withMore(headers, failureHeaders(record, error, groupId, retryCount + 1)) };
};

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

/** The same without the headers of the original, if these are many: for readers of many dead letters. */
export const readDeadLetterInBrief = (value: Buffer | null): DeadLetter => {
  const brief = withoutOriginalHeaders(value?.toString() ?? '');
  try {
    return readDeadLetter(brief === undefined ? value : Buffer.from(brief));
  } catch (error) {
    if (brief === undefined) throw error;
    return readDeadLetter(value);
  }
};

const decode = (value: unknown, encoding: DeadLetter['originalValueEncoding']): Buffer | null => {
  if (encoding === 'none') return null;
  return encoding === 'json' ? Buffer.from(JSON.stringify(value)) : Buffer.from(String(value), encoding);
};

export type Original = { partition: number; key: Buffer | null; value: Buffer | null; headers: IHeaders };

/** An envelope of an older version does not hold the headers: they are those of the dead letter, without what told of the failure. */
const originalHeadersOf = ({ originalHeaders }: DeadLetter, headers: Headers | undefined): IHeaders =>
  (originalHeaders === undefined ? withoutPrefix(headers, '__dlq.errors.') : headersOf(blockOfOriginal(originalHeaders)));

/**
 * The record that `toDeadLetter` wrapped: partition, and to the byte its key, value and headers.
 * @param headers those of the dead letter
 * @throws UnreadableDeadLetterError when the value is nested too deep to be written out here
 */
export const originalOf = (letter: DeadLetter, headers?: Headers): Original => {
  const { originalPartition, originalKey, originalKeyEncoding = 'utf8', originalValue, originalValueEncoding } = letter;
  try {
    return {
      partition: originalPartition,
      key: decode(originalKey, originalKey === null ? 'none' : originalKeyEncoding),
      value: decode(originalValue, originalValueEncoding),
      headers: originalHeadersOf(letter, headers),
    };
  } catch (cause) {
    throw new UnreadableDeadLetterError('the original is nested too deep to be written out', { cause });
  }
};
