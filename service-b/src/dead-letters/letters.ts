import type { LogRecord } from '../kafka/log-reader';
import type { Mark } from '../kafka/redrive-headers';
import type { Filter } from './command';
import { bytesOf, inOrder, letterOf, shortIdOf, type Letter, type Place } from './letter';
import { isOfTypeAndTime, orderOf } from './summary';

type TypeCounts = { errorType: string | null; count: number; putBack: number; paid: number };

const TEXTS_SHARED = 1_000;

export type Letters = ReturnType<typeof createLetters>;

/** An index of dead letters, held within `maxBytes`, about: beyond it the oldest go. It takes them in any order. */
export const createLetters = ({ maxBytes, changed }: {
  maxBytes: number;
  /** Hears of a letter of which something became. */
  changed: (letter: Letter) => void;
}) => {
  const byPosition = new Map<string, Letter>();
  const byOrder = new Map<string, Set<Letter> | Letter>();
  /** Letters that say what they were put back from, by that. */
  const successors = new Map<string, Letter>();
  const types = new Map<string | null, TypeCounts>();
  /** The same few texts come all the time. */
  const texts = new Map<string, string>();
  let sorted: Letter[] = [];
  let isSorted = true;
  let bytes = 0;
  /** What failed then or earlier has been left out. */
  let floor = -Infinity;

  const shared = (text: string): string => {
    const known = texts.get(text);
    if (known === undefined && texts.size < TEXTS_SHARED) texts.set(text, text);
    return known ?? text;
  };

  const countsOf = (errorType: string | null): TypeCounts => {
    let counts = types.get(errorType);
    if (counts === undefined) types.set(errorType, counts = { errorType, count: 0, putBack: 0, paid: 0 });
    return counts;
  };

  const become = (letter: Letter, what: 'putBack' | 'failedAgain' | 'paid'): void => {
    if (letter[what]) return;
    letter[what] = true;
    if (what !== 'failedAgain') countsOf(letter.errorType)[what] += 1;
    changed(letter);
  };

  const ofOrder = (order: string | undefined): Letter[] => {
    const those = order === undefined ? undefined : byOrder.get(order);
    if (those === undefined) return [];
    return those instanceof Set ? [...those] : [those];
  };

  const fail = (first: Letter, again: Letter): void => {
    if (again.from?.of !== first.position || again.from.id !== first.id || again.key !== first.key) return;
    become(first, 'putBack');
    become(first, 'failedAgain');
  };

  const addToOrder = (letter: Letter): void => {
    const order = orderOf(letter.key);
    if (order === undefined) return;
    const those = byOrder.get(order);
    if (those === undefined) {
      byOrder.set(order, letter);
      return;
    }
    // What is known of one letter of an order is known of all.
    const [one] = those instanceof Set ? those : [those];
    if (one?.paid === true) become(letter, 'paid');
    if (those instanceof Set) those.add(letter);
    else byOrder.set(order, new Set([those, letter]));
  };

  const removeFromOrder = (letter: Letter): void => {
    const order = orderOf(letter.key);
    if (order === undefined) return;
    const those = byOrder.get(order);
    if (those instanceof Set) those.delete(letter);
    if (those === letter || (those instanceof Set && those.size === 0)) byOrder.delete(order);
  };

  const forget = (letter: Letter): void => {
    const counts = countsOf(letter.errorType);
    counts.count -= 1;
    if (letter.putBack) counts.putBack -= 1;
    if (letter.paid) counts.paid -= 1;
    if (counts.count === 0) types.delete(letter.errorType);
    byPosition.delete(letter.position);
    if (letter.from !== undefined && successors.get(letter.from.of) === letter) successors.delete(letter.from.of);
    removeFromOrder(letter);
    bytes -= bytesOf(letter);
  };

  const inPlace = (): Letter[] => {
    if (!isSorted) sorted.sort(inOrder);
    isSorted = true;
    return sorted;
  };

  /** A twentieth at a time: to find the oldest they are sorted. */
  const makeRoom = (): void => {
    inPlace();
    while (bytes > 0.95 * maxBytes && sorted.length > 0) {
      const oldest = sorted.pop()!;
      floor = oldest.failedAt;
      forget(oldest);
    }
  };

  /** Where the letters behind a place begin. */
  const behind = (all: Letter[], place: Place): number => {
    let [from, to] = [0, all.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (inOrder(all[middle]!, place) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  };

  return {
    /** @returns whether it is held: one that is too old for the bytes there are is not */
    add: (record: LogRecord): boolean => {
      const read = letterOf(record);
      if (read.failedAt <= floor) return false;
      if (byPosition.has(read.position)) return true;
      const letter = { ...read, errorType: read.errorType && shared(read.errorType), errorMessage: shared(read.errorMessage) };
      byPosition.set(letter.position, letter);
      sorted.push(letter);
      isSorted = false;
      bytes += bytesOf(letter);
      countsOf(letter.errorType).count += 1;
      addToOrder(letter);
      if (letter.from !== undefined) {
        successors.set(letter.from.of, letter);
        const first = byPosition.get(letter.from.of);
        if (first !== undefined) fail(first, letter);
      }
      const again = successors.get(letter.position);
      if (again !== undefined) fail(letter, again);
      if (bytes > maxBytes) makeRoom();
      return true;
    },
    /** There is a payment with this key. */
    paid: (key: string): void => ofOrder(orderOf(key)).forEach((letter) => become(letter, 'paid')),
    /** There is a record with this mark and this key on the topic of the orders. */
    marked: ({ of, letter: id }: Mark, key: string | null): void => {
      const letter = byPosition.get(of);
      if (letter !== undefined && id !== undefined && letter.id === shortIdOf(id) && letter.key === key) become(letter, 'putBack');
    },
    /** What lies before `offset` is not in the log any more. */
    cutBefore: (partition: number, offset: bigint): void => {
      const isGone = (letter: Letter): boolean => letter.partition === partition && letter.offset < Number(offset);
      for (const letter of sorted) if (isGone(letter)) forget(letter);
      sorted = sorted.filter((letter) => !isGone(letter));
    },
    clear: (): void => {
      sorted.forEach(forget);
      sorted = [];
      floor = -Infinity;
    },
    get: (position: string): Letter | undefined => byPosition.get(position),
    /** Newest first: up to `limit` of those that match, behind a place; and how many match in all. */
    page: (filter: Filter, limit: number, after?: Place): { letters: Letter[]; more: boolean; total: number } => {
      const all = filter.order === undefined ? inPlace() : ofOrder(orderOf(filter.order)).sort(inOrder);
      const isAny = filter.type === undefined && filter.since === undefined && filter.until === undefined;
      const matches = ({ errorType, failedAt }: Letter): boolean => isAny || isOfTypeAndTime(filter, errorType, failedAt);
      const letters: Letter[] = [];
      let at = after === undefined ? 0 : behind(all, after);
      for (; at < all.length && letters.length <= limit; at += 1) if (matches(all[at]!)) letters.push(all[at]!);
      const total = isAny ? all.length : all.reduce((count, letter) => count + (matches(letter) ? 1 : 0), 0);
      return { letters: letters.slice(0, limit), more: letters.length > limit, total };
    },
    /** The most frequent first. */
    types: (): TypeCounts[] => [...types.values()].sort((one, other) => other.count - one.count),
    size: (): number => byPosition.size,
    bytes: (): number => bytes,
    /** Whether some were left out for want of room. */
    isCut: (): boolean => floor > -Infinity,
    /** When the oldest failed; undefined without any. */
    oldest: (): number | undefined => inPlace().at(-1)?.failedAt,
  };
};
