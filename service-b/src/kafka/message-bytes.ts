import type { KafkaMessage } from 'kafkajs';
import { headerBytesOf } from './record-headers';

/** What a record costs in memory beside its bytes. */
const OVERHEAD_BYTES = 256;

/** Bytes that a consumed record holds in memory: key, value and headers. */
export const messageBytes = ({ key, value, headers }: Pick<KafkaMessage, 'key' | 'value' | 'headers'>): number =>
  OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + headerBytesOf(headers);
