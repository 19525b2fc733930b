import { randomUUID } from 'node:crypto';
import { compareUuids, createUuidHash, readUuid, writeUuid } from '../../src/utils/uuid-words';

const ids = [
  '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '01234567-89ab-cdef-fedc-ba9876543210',
  '80000000-0000-0000-0000-000000000001', ...Array.from({ length: 200 }, () => randomUUID()),
];
const wordsOf = (id: string): Uint32Array => {
  const words = new Uint32Array(6);
  writeUuid(id, words, 2);
  return words.subarray(2);
};

test('When a UUID is written as words, then it is read as it was', () => {
  for (const id of ids) expect(readUuid(wordsOf(id))).toBe(id);
});

test('When UUIDs are compared, then they stand as their texts do', () => {
  for (const one of ids.slice(0, 20)) for (const other of ids) {
    expect(Math.sign(compareUuids(wordsOf(one), 0, wordsOf(other)))).toBe(one < other ? -1 : Number(one > other));
  }
});

describe('hash', () => {
  test('When it is asked again, then it is the same, and in bounds', () => {
    const hash = createUuidHash();
    for (const id of ids) {
      expect(hash(wordsOf(id), 0)).toBe(hash(wordsOf(id), 0));
      expect(hash(wordsOf(id), 0)).toBeGreaterThanOrEqual(0);
      expect(hash(wordsOf(id), 0)).toBeLessThan(2 ** 30);
    }
  });

  test.each([
    ['their end', (n: string) => `550e8400-e29b-41d4-a716-00000000${n}`],
    ['their beginning', (n: string) => `${n}0000-e29b-41d4-a716-446655440000`],
    ['the upper half of a word', (n: string) => `550e8400-e29b-41d4-${n}-446655440000`],
  ])('When 20,000 ids differ in %s alone, then hardly two have one hash, and they spread over 256 shards', (_where, idOf) => {
    const hash = createUuidHash();
    const hashes = Array.from({ length: 20_000 }, (_, n) => hash(wordsOf(idOf(n.toString(16).padStart(4, '0'))), 0));
    expect(new Set(hashes).size).toBeGreaterThan(19_900);
    const shards = new Array<number>(256).fill(0);
    for (const hashed of hashes) shards[hashed % 256]! += 1;
    expect(Math.max(...shards)).toBeLessThan(800);
  });

  test('When it is made anew, then it is another one', () => {
    const [one, other] = [createUuidHash(), createUuidHash()];
    expect(ids.slice(1).every((id) => one(wordsOf(id), 0) === other(wordsOf(id), 0))).toBe(false);
  });
});
