import type { KafkaMessage } from 'kafkajs';
import type { TraceHeaders } from '../utils/tracing';

/** A record as it was consumed. */
export type ConsumedRecord = {
  topic: string;
  partition: number;
  message: KafkaMessage;
  /** The trace that its outcome is part of. */
  trace?: TraceHeaders | undefined;
};
