/** How far a partition was read: the offset at which reading began, and the next one. */
export type ReadPosition = { start: bigint; next: bigint; topic: string; partition: number };

/** The last changes of a partition: the change number `n` is at place `n % WINDOW` of both lists. */
type Window = { offsets: string[]; orderIds: string[]; noted: number };

const WINDOW = 2_000;

/** @returns false when it cannot be known any more what changed from this offset on */
const collect = ({ offsets, orderIds, noted }: Window, { start, next }: ReadPosition, from: bigint, changed: Set<string>): boolean => {
  if (from < start || from > next) return false;
  let above = next;
  for (let change = noted - 1; change >= 0 && change >= noted - WINDOW; change -= 1) {
    const offset = BigInt(offsets[change % WINDOW]!);
    if (offset < from) return true;
    // Offsets that do not descend are those of a topic that was deleted and made anew.
    if (offset >= above) return false;
    changed.add(orderIds[change % WINDOW]!);
    above = offset;
  }
  return noted <= WINDOW || above === from;
};

type Position = Pick<ReadPosition, 'topic' | 'next'>;

/** Offsets of a topic are joined by dots, topics by dashes: `12.5.7-11.5.6-1.0.1`. */
export const positionText = (positions: readonly Position[]): string => {
  let text = '';
  let topic: string | undefined;
  for (const read of positions) {
    if (topic !== undefined) text += read.topic === topic ? '.' : '-';
    text += read.next.toString();
    topic = read.topic;
  }
  return text;
};

const skeleton = (position: string): string => position.replace(/\d+/g, '');

/** No offset has more. A longer text would be told back before each event that was missed. */
const OFFSET_MAX_DIGITS = 19;

/**
 * The offsets that such a text names, one for each of `positions`.
 * @returns undefined when it is no text of these partitions
 */
export const offsetsOf = (text: string, positions: readonly Position[]): bigint[] | undefined => {
  const offsets = text.match(/\d+/g) ?? [];
  if (skeleton(text) !== skeleton(positionText(positions)) || offsets.length !== positions.length) return undefined;
  return offsets.some((offset) => offset.length > OFFSET_MAX_DIGITS) ? undefined : offsets.map(BigInt);
};

export type Feed = ReturnType<typeof createFeed>;

/**
 * Which orders changed since a position in the log. A position is the next offset of every partition of the topics, as text: it means the
 * same to every instance and after a restart, since they all read the same log.
 */
export const createFeed = ({ positions, unmet }: {
  /** Every partition that is read, topic by topic. */
  positions: () => ReadPosition[];
  /** Orders that are shown already though the log has not delivered them yet. */
  unmet: () => Iterable<string>;
}) => {
  const windows = new Map<string, Window[]>();

  const windowOf = (topic: string, partition: number): Window => {
    let ofTopic = windows.get(topic);
    if (ofTopic === undefined) windows.set(topic, ofTopic = []);
    return ofTopic[partition] ??= { offsets: [], orderIds: [], noted: 0 };
  };

  return {
    position: (): string => positionText(positions()),
    /** Notes that the record at this offset changed what is known of an order. */
    note: (topic: string, partition: number, offset: string, orderId: string): void => {
      const window = windowOf(topic, partition);
      const place = window.noted % WINDOW;
      window.offsets[place] = offset;
      window.orderIds[place] = orderId;
      window.noted += 1;
    },
    /**
     * The orders that changed since a position, perhaps with others that did not.
     * @returns undefined when that cannot be told: too long ago, of another log, or no position at all
     */
    since: (text: string): Set<string> | undefined => {
      const from = offsetsOf(text, positions());
      if (from === undefined) return undefined;
      const changed = new Set(unmet());
      const known = positions().every((read, i) => collect(windowOf(read.topic, read.partition), read, from[i] ?? -1n, changed));
      return known ? changed : undefined;
    },
  };
};
