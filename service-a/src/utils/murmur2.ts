/**
 * MurmurHash2, 32 bit, seed 0x9747b28c, as in org.apache.kafka.common.utils.Utils#murmur2: every client of any language that keeps the
 * default partitioner puts the same key on the same partition.
 * @returns the hash as a signed 32-bit integer
 */
export const murmur2 = (data: Uint8Array): number => {
  const m = 0x5bd1e995;
  const length = data.length;
  const tail = length & ~3;
  let h = 0x9747b28c ^ length;
  for (let i = 0; i < tail; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  if (length > tail) {
    for (let i = length - 1; i >= tail; i -= 1) h ^= data[i]! << ((i - tail) * 8);
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
};
