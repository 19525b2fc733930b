import type { Attributes } from '../utils/tracing';

/** Attributes of a span about a record, by OpenTelemetry's semantic conventions for messaging and Kafka. */
export const recordAttributes = (operation: 'send' | 'process', topic: string, key: Buffer | null): Attributes => ({
  'messaging.system': 'kafka',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': topic,
  ...(key !== null && { 'messaging.kafka.message.key': key.toString().slice(0, 64) }),
});

export const positionAttributes = ({ partition, offset }: { partition: number; offset: string }): Attributes =>
  ({ 'messaging.destination.partition.id': String(partition), 'messaging.kafka.offset': Number(offset) });
