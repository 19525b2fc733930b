import type { Attributes } from '../utils/tracing';

/** Attributes of a span about a record, by OpenTelemetry's semantic conventions for messaging and Kafka, version 1.45. */
export const recordAttributes = (operation: 'send' | 'process', topic: string, key: Buffer | null): Attributes => ({
  'messaging.system.name': 'kafka',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': topic,
  ...(key !== null && { 'kafka.message.key': key.toString().slice(0, 64) }),
});

export const positionAttributes = ({ partition, offset }: { partition: number; offset: string }): Attributes =>
  ({ 'messaging.destination.partition.id': String(partition), 'kafka.offset': Number(offset) });
