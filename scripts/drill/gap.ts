/** Keeps the longest time between two events of a kind, in milliseconds. */
export const createGap = () => {
  let last = 0;
  let longest = 0;
  return {
    note: (at: number): void => {
      if (last > 0) longest = Math.max(longest, at - last);
      last = at;
    },
    /** What comes next is not held against what was before. */
    interrupt: (): void => {
      last = 0;
    },
    longestMs: (): number => longest,
  };
};
