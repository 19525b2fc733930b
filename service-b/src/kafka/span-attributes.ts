import type { Attributes } from '../utils/tracing';

/** Enough for the id of an order. Not all of a key, which may be a megabyte, is read: V8 would hold it for the sake of its beginning. */
export const shortTextOf = (key: Buffer): string => key.toString('utf8', 0, 256).slice(0, 64);

/** Attributes of a span about a record, by OpenTelemetry's semantic conventions for messaging and Kafka, version 1.45. */
export const recordAttributes = (operation: 'send' | 'process', topic: string, key: Buffer | null): Attributes => ({
  'messaging.system.name': 'kafka',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': topic,
  ...(key !== null && { 'kafka.message.key': shortTextOf(key) }),
});

export const positionAttributes = ({ partition, offset }: { partition: number; offset: string }): Attributes =>
  ({ 'messaging.destination.partition.id': String(partition), 'kafka.offset': Number(offset) });
