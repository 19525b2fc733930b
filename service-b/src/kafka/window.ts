/** A record that was taken in and whose outcome is not published yet. */
export type Slot = { readonly offset: bigint; readonly bytes: number; done: boolean };

export type PartitionWindow = ReturnType<typeof createWindow>;

/**
 * The records of one partition between the committed offset and the next one to take in. Records finish in any order; only the gap-free
 * front may be committed. Bounded in records and bytes: when it is full, no more is taken in until its front moves.
 */
export const createWindow = ({ maxRecords, maxBytes }: { maxRecords: number; maxBytes: number }) => {
  let slots: Slot[] = [];
  let front = 0;
  let bytes = 0;
  let start: bigint | undefined;
  let next: bigint | undefined;
  let movedAt = performance.now();

  const share = (): number => Math.max((slots.length - front) / maxRecords, bytes / maxBytes);

  return {
    full: (): boolean => share() >= 1,
    /** At most half full: whoever waited for room may go on, and will not wait again at once. */
    roomy: (): boolean => share() <= 0.5,
    add: (offset: bigint, size: number): Slot => {
      const slot = { offset, bytes: size, done: false };
      if (front === slots.length) movedAt = performance.now();
      slots.push(slot);
      bytes += size;
      next = offset + 1n;
      return slot;
    },
    /** Marks a record's outcome as published and moves the front past every finished one. */
    finish: (slot: Slot): void => {
      slot.done = true;
      bytes -= slot.bytes;
      const before = front;
      while (slots[front]?.done === true) front += 1;
      if (front > before) movedAt = performance.now();
      if (front === slots.length) {
        slots = [];
        front = 0;
      } else if (front > 1_000 && front > slots.length / 2) {
        slots = slots.slice(front);
        front = 0;
      }
    },
    /** The next offset to take in, once the first record or the end of a batch has told. */
    next: (): bigint | undefined => next,
    /** Where reading began: what lies before it is somebody else's to commit. */
    begin: (offset: bigint): void => {
      start = next = offset;
    },
    /** Passes offsets that hold nothing to take in, such as the marks of transactions. */
    passTo: (offset: bigint): void => {
      if (next === undefined || offset > next) next = offset;
    },
    /** The first offset without an outcome: where to read on after a restart. */
    nextToCommit: (): string | undefined => {
      const offset = slots[front]?.offset ?? next;
      return offset === start ? undefined : offset?.toString();
    },
    /** Records taken in that have no outcome yet, counting finished ones behind the first unfinished. */
    pending: (): number => slots.length - front,
    /** Milliseconds since the front last moved; 0 when nothing is pending. */
    standsForMs: (): number => (front === slots.length ? 0 : performance.now() - movedAt),
  };
};
