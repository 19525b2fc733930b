/** Something that acts: a service's process, or the cluster around it. What it started ends with it, and waits while it is frozen. */
export type Actor = { readonly name: string; alive: boolean; frozen: boolean; held: Timer[] };

export type Timer = { at: number; order: number; actor: Actor; run: () => void; cancelled: boolean; everyMs: number | undefined };

export const newActor = (name: string): Actor => ({ name, alive: true, frozen: false, held: [] });

const isBefore = (one: Timer, other: Timer): boolean => one.at < other.at || (one.at === other.at && one.order < other.order);

/** A binary heap: the earliest timer first, of the same instant the one that was set first. */
export const createTimers = () => {
  const heap: Timer[] = [];
  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j]!, heap[i]!];
  };
  return {
    add: (timer: Timer): void => {
      let i = heap.push(timer) - 1;
      for (let up = (i - 1) >> 1; i > 0 && isBefore(heap[i]!, heap[up]!); i = up, up = (i - 1) >> 1) swap(i, up);
    },
    take: (): Timer | undefined => {
      const [first] = heap;
      const last = heap.pop();
      if (heap.length === 0 || last === undefined) return first;
      heap[0] = last;
      for (let i = 0; ;) {
        const [left, right] = [2 * i + 1, 2 * i + 2];
        let least = i;
        if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left;
        if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right;
        if (least === i) return first;
        swap(i, least);
        i = least;
      }
    },
  };
};
