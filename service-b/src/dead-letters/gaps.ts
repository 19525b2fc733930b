import type { Range } from '../kafka/log-reader';

/** Records that are read in one go: few at first, since somebody waits for them. */
const FIRST = 100n;
const STEP = 500n;

type Partition = { low: bigint; end: bigint; gaps: Range[]; first: boolean; piece: Range | undefined };

/** What is still to be read of a topic, newest first: the pieces of a partition lie one before the other, and each is read forwards. */
export const createGaps = () => {
  const partitions = new Map<number, Partition>();
  let turn = 0;

  const cut = (range: Range, low: bigint): Range[] => (range.to <= low ? [] : [{ ...range, from: range.from < low ? low : range.from }]);
  const unreadOf = ({ gaps, piece }: Partition): Range[] => (piece === undefined ? gaps : [...gaps, piece]);

  /** The last piece of the newest gap. */
  const pieceOf = (partition: Partition): Range | undefined => {
    if (partition.piece !== undefined) return partition.piece;
    const gap = partition.gaps.pop();
    if (gap === undefined) return undefined;
    const size = partition.first ? FIRST : STEP;
    const from = gap.to - gap.from > size ? gap.to - size : gap.from;
    if (from > gap.from) partition.gaps.push({ ...gap, to: from });
    partition.piece = { ...gap, from };
    return partition.piece;
  };

  return {
    /**
     * What the partition holds now.
     * @returns `anew` when it is another log than before; `cut` when some of it is gone
     */
    extend: (range: Range): 'anew' | 'cut' | 'more' => {
      const known = partitions.get(range.partition);
      if (known === undefined) {
        const { from: low, to: end } = range;
        partitions.set(range.partition, { low, end, gaps: low < end ? [range] : [], first: true, piece: undefined });
        return 'more';
      }
      if (range.to < known.end) return 'anew';
      const isCut = range.from > known.low;
      known.gaps = known.gaps.flatMap((gap) => cut(gap, range.from));
      if (known.piece !== undefined) known.piece = cut(known.piece, range.from)[0];
      if (range.to > known.end) known.gaps.push({ ...range, from: known.end > range.from ? known.end : range.from });
      [known.low, known.end] = [range.from, range.to];
      return isCut ? 'cut' : 'more';
    },
    /** What to read next: of each partition in turn. */
    newest: (): Range | undefined => {
      const all = [...partitions.values()];
      for (let tried = 0; tried < all.length; tried += 1) {
        const piece = pieceOf(all[(turn += 1) % all.length]!);
        if (piece !== undefined) return piece;
      }
      return undefined;
    },
    /** A piece was read to `next`. */
    read: ({ partition, to }: Range, next: bigint): void => {
      const known = partitions.get(partition);
      if (known?.piece === undefined) return;
      known.piece = next >= to ? undefined : { ...known.piece, from: next };
      if (known.piece === undefined) known.first = false;
    },
    /** Nothing older is wanted of it. */
    giveUp: (partition: number): void => {
      const known = partitions.get(partition);
      if (known !== undefined) [known.gaps, known.piece] = [[], undefined];
    },
    /** What is read next is what somebody waits for. */
    begin: (): void => partitions.forEach((partition) => {
      partition.first = true;
    }),
    /** Whether of some partition nothing has been read since it began, though there is something. */
    isFirst: (): boolean => [...partitions.values()].some((partition) => partition.first && unreadOf(partition).length > 0),
    /** Records that are not read yet. */
    unread: (): number => [...partitions.values()].flatMap(unreadOf).reduce((sum, { from, to }) => sum + Number(to - from), 0),
    clear: (): void => partitions.clear(),
  };
};
