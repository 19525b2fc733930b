import type { IHeaders, KafkaMessage } from 'kafkajs';

/** A record as it was consumed. */
export type ConsumedRecord = { topic: string; partition: number; message: KafkaMessage };

type ValueEncoding = 'json' | 'utf8' | 'base64' | 'none';

/** The value of a record of `orders.DLT`. Field by field: see `kafka/asyncapi.yaml`. */
export type DeadLetter = {
  originalTopic: string;
  originalPartition: number;
  originalOffset: string;
  originalKey: string | null;
  originalKeyEncoding?: 'base64';
  originalValue: unknown;
  originalValueEncoding: ValueEncoding;
  errorType: string;
  errorMessage: string;
  errorStack: string;
  failedAt: string;
  retryCount: number;
};

/** `ignoreBOM` keeps a byte order mark as a character: with it dropped, the exact bytes could not be had back. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const exactText = (bytes: Uint8Array): string | undefined => {
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

const encodeValue = (bytes: Buffer | null): Pick<DeadLetter, 'originalValue' | 'originalValueEncoding'> => {
  if (bytes === null) return { originalValue: null, originalValueEncoding: 'none' };
  const text = exactText(bytes);
  if (text === undefined) return { originalValue: bytes.toString('base64'), originalValueEncoding: 'base64' };
  const json = exactJson(text);
  return json === undefined ? { originalValue: text, originalValueEncoding: 'utf8' } : { originalValue: json.value, originalValueEncoding: 'json' };
};

const encodeKey = (bytes: Buffer | null): Pick<DeadLetter, 'originalKey' | 'originalKeyEncoding'> => {
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

const serialise = (rest: Omit<DeadLetter, 'originalValue' | 'originalValueEncoding'>, value: Buffer | null): string => {
  const { originalTopic, originalPartition, originalOffset, originalKey, originalKeyEncoding, ...failure } = rest;
  const wrap = (encoded: Pick<DeadLetter, 'originalValue' | 'originalValueEncoding'>): string => JSON.stringify({
    originalTopic, originalPartition, originalOffset, originalKey, originalKeyEncoding, ...encoded, ...failure,
  } satisfies Omit<DeadLetter, 'originalKeyEncoding'> & { originalKeyEncoding: 'base64' | undefined });
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
