type Task = () => Promise<void>;

/** Runs tasks of one key one after the other, in the order they came; tasks of different keys run side by side. Tasks must not reject. */
export const createKeyQueue = () => {
  /** Keys with a task under way, and what waits behind it. */
  const behind = new Map<string, Task[]>();

  const runAll = async (key: string, first: Task): Promise<void> => {
    let task: Task | undefined = first;
    while (task !== undefined) {
      await task();
      task = behind.get(key)?.shift();
    }
    behind.delete(key);
  };

  return {
    /** A task without a key waits for nobody. */
    run: (key: string | undefined, task: Task): void => {
      if (key === undefined) {
        void task();
        return;
      }
      const waiting = behind.get(key);
      if (waiting !== undefined) {
        waiting.push(task);
        return;
      }
      behind.set(key, []);
      void runAll(key, task);
    },
  };
};
