/** A record that was taken in and whose outcome is not published yet. */
export type Slot = { readonly offset: string; readonly bytes: number; done: boolean };

export type PartitionWindow = ReturnType<typeof createWindow>;

/**
 * The records of one partition between the committed offset and the newest one taken in. Records finish in any order; only the gap-free
 * front may be committed. Bounded in records and bytes: when it is full, no more is taken in until its front moves.
 */
export const createWindow = ({ maxRecords, maxBytes }: { maxRecords: number; maxBytes: number }) => {
  let slots: Slot[] = [];
  let front = 0;
  let bytes = 0;
  let committable: string | undefined;
  let roomMade: () => void = () => undefined;

  const full = (): boolean => slots.length - front >= maxRecords || bytes >= maxBytes;

  return {
    full,
    add: (offset: string, size: number): Slot => {
      const slot = { offset, bytes: size, done: false };
      slots.push(slot);
      bytes += size;
      return slot;
    },
    /** Marks a record's outcome as published and moves the front past every finished one. */
    finish: (slot: Slot): void => {
      slot.done = true;
      bytes -= slot.bytes;
      while (slots[front]?.done === true) {
        committable = slots[front]!.offset;
        front += 1;
      }
      if (front === slots.length) {
        slots = [];
        front = 0;
      } else if (front > 1_000 && front > slots.length / 2) {
        slots = slots.slice(front);
        front = 0;
      }
      if (!full()) roomMade();
    },
    /** The next offset to read after a restart: one past the highest gap-free finished record. */
    nextToCommit: (): string | undefined => (committable === undefined ? undefined : (BigInt(committable) + 1n).toString()),
    /** Records taken in that have no outcome yet, counting finished ones behind the first unfinished. */
    pending: (): number => slots.length - front,
    /** Resolves when there is room, or after `ms`: whoever waits has heartbeats to send. */
    waitForRoom: (ms: number): Promise<void> => new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      roomMade = () => {
        clearTimeout(timer);
        resolve();
      };
    }),
  };
};
