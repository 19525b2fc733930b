/** What one redrive may name at most. */
export const SELECTION_MAX = 1_000;

export type Selection = ReturnType<typeof createSelection>;

/** The positions that were chosen, in the order of choosing; `onChange` hears of each change. */
export const createSelection = (onChange: () => void) => {
  const chosen = new Set<string>();
  return {
    has: (position: string): boolean => chosen.has(position),
    /** What would be too many is left out. */
    set: (positions: readonly string[], on: boolean): void => {
      for (const position of positions) {
        if (!on) chosen.delete(position);
        else if (chosen.size < SELECTION_MAX) chosen.add(position);
      }
      onChange();
    },
    clear: (): void => {
      chosen.clear();
      onChange();
    },
    positions: (): string[] => [...chosen],
  };
};
