import type { KafkaMessage } from 'kafkajs';

/** What a record and a header cost in memory beside their bytes. */
const OVERHEAD_BYTES = { record: 256, header: 128 };

/** Bytes that a consumed record holds in memory: key, value and headers. */
export const messageBytes = ({ key, value, headers = {} }: Pick<KafkaMessage, 'key' | 'value' | 'headers'>): number => {
  let bytes = OVERHEAD_BYTES.record + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name of Object.keys(headers)) {
    const values = headers[name];
    for (const one of Array.isArray(values) ? values : [values]) bytes += OVERHEAD_BYTES.header + name.length + (one?.length ?? 0);
  }
  return bytes;
};
