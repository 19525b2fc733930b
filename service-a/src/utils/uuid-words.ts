/** A UUID is four words of 32 bits, in the order of its text: in typed arrays it is out of the garbage collector's sight. */
export const UUID_WORDS = 4;

/** Where the hexadecimal digits are in the text, and which of the 16 bits of a half word they end. */
const HALF_WORDS = [0, 4, 9, 14, 19, 24, 28, 32];

/** Of the characters of lower-case hexadecimal digits. */
const digit = (character: number): number => (character < 58 ? character - 48 : character - 87);

const halfWord = (id: string, at: number): number => (digit(id.charCodeAt(at)) << 12)
  | (digit(id.charCodeAt(at + 1)) << 8) | (digit(id.charCodeAt(at + 2)) << 4) | digit(id.charCodeAt(at + 3));

/** Writes a lower-case UUID to `words` from `at` on. */
export const writeUuid = (id: string, words: Uint32Array, at = 0): void => {
  for (let word = 0; word < UUID_WORDS; word += 1) {
    words[at + word] = (halfWord(id, HALF_WORDS[2 * word]!) << 16) | halfWord(id, HALF_WORDS[2 * word + 1]!);
  }
};

export const readUuid = (words: Uint32Array, at = 0): string => {
  let hex = '';
  for (let word = 0; word < UUID_WORDS; word += 1) hex += words[at + word]!.toString(16).padStart(8, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

/** Below 0, 0 or above: how the UUID at `at` stands to the other one in the order of their texts. */
export const compareUuids = (words: Uint32Array, at: number, others: Uint32Array, otherAt = 0): number => {
  for (let word = 0; word < UUID_WORDS; word += 1) {
    const difference = words[at + word]! - others[otherAt + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
};

/** Of the UUID at `at`: a whole number below 2^30. */
export type UuidHash = (words: Uint32Array, at: number) => number;

/**
 * A hash out of a universal family (multiply-shift: Dietzfelbinger and others, 1997), drawn anew by each process: clients choose
 * ids, and nobody can choose many with one hash.
 */
export const createUuidHash = (): UuidHash => {
  const factors = crypto.getRandomValues(new Uint32Array(4 * UUID_WORDS));
  return (words, at) => {
    let high = 0;
    let low = 0;
    for (let word = 0; word < UUID_WORDS; word += 1) {
      const [first, second] = [words[at + word]! >>> 16, words[at + word]! & 0xffff];
      high += Math.imul(factors[4 * word]!, first) + Math.imul(factors[4 * word + 1]!, second);
      low += Math.imul(factors[4 * word + 2]!, first) + Math.imul(factors[4 * word + 3]!, second);
    }
    return ((high >>> 17) << 15) | (low >>> 17);
  };
};
