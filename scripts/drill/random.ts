import { createHash } from 'node:crypto';

export type Random = ReturnType<typeof createRandom>;

/** A seeded generator (mulberry32): the same seed gives the same orders and the same poison. */
export const createRandom = (seed: number) => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    /** In [0, 1). */
    next,
    /** In [0, below). */
    integer,
    pick: <T>(from: readonly T[]): T => from[integer(from.length)]!,
    /** A version 4 UUID. */
    uuid: (): string => {
      const hex = createHash('sha256').update(`${next()}${next()}`).digest('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
  };
};
