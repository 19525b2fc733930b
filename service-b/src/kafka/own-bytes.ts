import type { KafkaMessage } from 'kafkajs';
import { blockOf, headersOf } from './record-headers';

/**
 * The record on bytes of its own, unless it is most of those that it lies in. What KafkaJS hands over are parts of all that came with one
 * answer of a broker: an order that waits for its provider would hold megabytes, and the window that counts its bytes would not know.
 */
export const onOwnBytes = (message: KafkaMessage): KafkaMessage => {
  const { key, value, headers } = message;
  const block = blockOf(headers);
  const size = (key?.length ?? 0) + (value?.length ?? 0) + block.bytes.length;
  if (2 * size >= (value ?? key ?? block.bytes).buffer.byteLength) return message;
  // Not of Node's pool, parts of which hold all of it too.
  const own = Buffer.allocUnsafeSlow(size);
  let end = 0;
  const copy = (part: Buffer): Buffer => own.subarray(end, end += part.copy(own, end));
  const parts = { key: key && copy(key), value: value && copy(value) };
  return { ...message, ...parts, headers: headersOf({ count: block.count, bytes: copy(block.bytes) }) } as KafkaMessage;
};
