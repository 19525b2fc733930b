const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

const exit = (): never => process.exit(0);

// Imported before all else: to load the rest takes half a second, and meanwhile the first process of a container hears no signal that it
// has no listener for. What comes while this is loaded is told to whoever listens by then.
for (const signal of SIGNALS) process.on(signal, exit);

/** From here on others stop in order. */
export const endEarlyStop = (): void => SIGNALS.forEach((signal) => void process.off(signal, exit));
