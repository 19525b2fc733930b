export type Rates = { successRate: number; transientRate: number };

/** Kafka's 32-bit murmur2 with seed 0x9747b28c, as a number from 0 to 2^32 - 1. */
const murmur2 = (text: string): number => {
  const bytes = Buffer.from(text);
  let hash = 0x9747b28c ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), 0x5bd1e995);
    word = Math.imul(word ^ (word >>> 24), 0x5bd1e995);
    hash = Math.imul(hash, 0x5bd1e995) ^ word;
  }
  const rest = bytes.length - at;
  if (rest > 0) hash = Math.imul(hash ^ bytes.readUIntLE(at, rest), 0x5bd1e995);
  hash = Math.imul(hash ^ (hash >>> 13), 0x5bd1e995);
  return (hash ^ (hash >>> 15)) >>> 0;
};

/** A number in [0, 1) that depends on these texts alone. */
export const draw = (trait: string, subject: string): number => murmur2(`${murmur2(`${trait}:${subject}`) | 0}:${trait}`) / 2 ** 32;

/**
 * What becomes of a call: the fates that the README lists for the simulation, so that an order meets the same one here.
 * @param number of the key among those of its reference: 0 for the first, one more for each redrive
 * @param calls under this key before, that were answered "unavailable"
 */
export const fateOf = (
  { reference, number, calls }: { reference: string; number: number; calls: number }, { successRate, transientRate }: Rates,
): 'approved' | 'declined' | 'unavailable' => {
  const drawOf = (trait: string): number => draw(number === 0 ? trait : `${trait}:${number}`, reference);
  const outage = drawOf('outage');
  const outages = outage < transientRate ? 1 + Math.floor(-Math.log2(1 - outage / transientRate)) : 0;
  if (calls < outages) return 'unavailable';
  return drawOf('charge') < successRate ? 'approved' : 'declined';
};
