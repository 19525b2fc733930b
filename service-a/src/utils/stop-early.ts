/**
 * Imported before all else: as long as there is nothing to close, SIGTERM and SIGINT end the process at once, with 0. Without it they do so
 * too, but not in the first process of a container: that hears of no signal that it has not asked for, and goes on until it is killed.
 */
const exit = (): void => process.exit(0);
const signals = ['SIGTERM', 'SIGINT'] as const;

for (const signal of signals) process.on(signal, exit);

/** To be called once somebody else listens: one that came meanwhile is theirs. If nobody did for a moment, it would be lost. */
export const leaveSignals = (): void => {
  for (const signal of signals) process.removeListener(signal, exit);
};
