/**
 * Does `task` for 0 to `count` - 1, at most `concurrency` at a time. The first failure ends it: nothing more is begun, and it rejects once
 * what was begun is done.
 */
export const runBurst = async ({ count, concurrency, task }: {
  count: number; concurrency: number; task: (index: number) => Promise<void>;
}): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      try {
        await task(index);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(count, concurrency) }, worker));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
};
