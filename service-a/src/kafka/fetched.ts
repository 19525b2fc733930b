import type { Batch } from 'kafkajs';

/** The offset that a batch was asked from. KafkaJS keeps it there without telling its types. */
export const fetchedFrom = (batch: Batch): bigint => {
  const { fetchedOffset } = batch as Batch & { fetchedOffset?: string };
  return BigInt(fetchedOffset ?? batch.firstOffset() ?? 0);
};
