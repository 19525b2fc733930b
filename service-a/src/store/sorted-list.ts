import type { Place } from '../processors/order-store';

/** So many places at most lie in one array: few enough to insert into, enough to leave few arrays. */
const CHUNK_MAX = 512;

/** The first of a list from which on `isBefore` no longer holds. */
const firstNot = <T>(list: readonly T[], isBefore: (item: T) => boolean): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * Items in the order of their times, then of their ids. They are held in sorted arrays of bounded length, so that to add or delete one
 * costs little wherever it belongs.
 */
export const createSortedList = <T extends { readonly orderId: string }>(timeOf: (item: T) => number) => {
  /** None is empty. */
  const chunks: T[][] = [];
  let size = 0;

  const isBefore = (item: T, { time, id }: Place): boolean => {
    const own = timeOf(item);
    return own < time || (own === time && item.orderId < id);
  };
  const placeOf = (item: T): Place => ({ time: timeOf(item), id: item.orderId });
  /** The array in which a place belongs, and where in it. */
  const find = (place: Place): { number: number; at: number } => {
    const number = Math.max(0, Math.min(firstNot(chunks, (chunk) => isBefore(chunk.at(-1)!, place)), chunks.length - 1));
    return { number, at: firstNot(chunks[number] ?? [], (item) => isBefore(item, place)) };
  };

  return {
    add: (item: T): void => {
      size += 1;
      const { number, at } = find(placeOf(item));
      const chunk = chunks[number];
      if (chunk === undefined) {
        chunks.push([item]);
        return;
      }
      chunk.splice(at, 0, item);
      if (chunk.length <= CHUNK_MAX) return;
      // What lies before the last few of all is as good as complete.
      const isLast = number === chunks.length - 1;
      chunks.splice(number + 1, 0, chunk.splice(isLast ? CHUNK_MAX - CHUNK_MAX / 8 : CHUNK_MAX / 2));
    },
    /** Deletes an item whose time is that with which it was added. */
    delete: (item: T): void => {
      const { number, at } = find(placeOf(item));
      const chunk = chunks[number];
      if (chunk?.[at] !== item) return;
      size -= 1;
      chunk.splice(at, 1);
      if (chunk.length === 0) chunks.splice(number, 1);
    },
    size: (): number => size,
    first: (): T | undefined => chunks[0]?.[0],
    /** At most `count` of those before a place, or of all, from the last backwards. */
    before: (place: Place | undefined, count: number): T[] => {
      const items: T[] = [];
      const { number, at } = place === undefined ? { number: chunks.length - 1, at: CHUNK_MAX } : find(place);
      for (let i = number; i >= 0 && items.length < count; i -= 1) {
        const those = chunks[i]?.slice(0, i === number ? at : CHUNK_MAX) ?? [];
        items.push(...those.slice(items.length - count).reverse());
      }
      return items;
    },
  };
};
