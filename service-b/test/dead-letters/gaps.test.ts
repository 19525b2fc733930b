import { createGaps } from '../../src/dead-letters/gaps';
import type { Range } from '../../src/kafka/log-reader';

const range = (partition: number, from: number, to: number): Range => ({ topic: 'orders.DLT', partition, from: BigInt(from), to: BigInt(to) });
const text = (piece: Range | undefined): string | undefined => piece && `${piece.partition}: ${piece.from}-${piece.to}`;

/** Reads all of it, and says in which pieces. */
const readAll = (gaps: ReturnType<typeof createGaps>): string[] => {
  const pieces: string[] = [];
  for (let piece = gaps.newest(); piece !== undefined; piece = gaps.newest()) {
    pieces.push(text(piece)!);
    gaps.read(piece, piece.to);
  }
  return pieces;
};

test('When a topic is read, then the newest come first, few at first, and each partition has its turn', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 700));
  gaps.extend(range(1, 0, 90));
  expect(gaps.isFirst()).toBe(true);
  expect(readAll(gaps)).toEqual(['1: 0-90', '0: 600-700', '0: 100-600', '0: 0-100']);
  expect([gaps.unread(), gaps.isFirst()]).toEqual([0, false]);
});

test('When more comes while older ones are unread, then that comes first', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 700));
  gaps.read(gaps.newest()!, 700n);
  gaps.extend(range(0, 0, 710));
  expect(gaps.unread()).toBe(610);
  expect(readAll(gaps)).toEqual(['0: 700-710', '0: 100-600', '0: 0-100']);
});

test('When a piece was read in part, then the rest of it is next', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 50));
  gaps.read(gaps.newest()!, 20n);
  expect([text(gaps.newest()), gaps.isFirst(), gaps.unread()]).toEqual(['0: 20-50', true, 30]);
});

test('When the log was cut, then what is gone is not asked for', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 700));
  gaps.read(gaps.newest()!, 650n);
  expect(gaps.extend(range(0, 680, 700))).toBe('cut');
  expect(readAll(gaps)).toEqual(['0: 680-700']);
  expect(gaps.extend(range(0, 680, 700))).toBe('more');
});

test('When the log ends before where it was read to, then it is another one', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 700));
  expect(gaps.extend(range(0, 0, 3))).toBe('anew');
});

test('When older ones are given up, then they are not asked for', () => {
  const gaps = createGaps();
  gaps.extend(range(0, 0, 700));
  gaps.read(gaps.newest()!, 700n);
  gaps.giveUp(0);
  expect([gaps.newest(), gaps.unread()]).toEqual([undefined, 0]);
});
