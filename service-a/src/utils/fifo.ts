/** A queue whose `shift` is cheap however long it is: `Array#shift` moves every element. */
export const createFifo = <T>() => {
  let items: T[] = [];
  let head = 0;
  return {
    push: (item: T): void => void items.push(item),
    shift: (): T | undefined => {
      const item = items[head];
      head += 1;
      if (head > 10_000 && head > items.length / 2) {
        items = items.slice(head);
        head = 0;
      }
      return item;
    },
    size: (): number => Math.max(0, items.length - head),
    /** Drops every item that `keep` rejects. */
    filter: (keep: (item: T) => boolean): void => {
      items = items.slice(head).filter(keep);
      head = 0;
    },
  };
};
