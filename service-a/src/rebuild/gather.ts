import type { CopiedBatch } from './copy-batches';

/** Batches that are written at once, 500 records each. Each is of one fetch, so that this bounds memory too. */
const SIZE = 10;

/**
 * Gathers batches, to write many at once while the next ones are read. The tables do not know yet what waits here: before they are asked
 * for anything, all of it is written. A write that fails is told to whoever comes next.
 */
export const createGather = (write: (batches: readonly CopiedBatch[]) => Promise<void>) => {
  let waiting: CopiedBatch[] = [];
  let writing: Promise<void> = Promise.resolve();

  const writeNext = (): void => {
    if (waiting.length === 0) return;
    writing = write(waiting);
    writing.catch(() => undefined);
    waiting = [];
  };

  return {
    /** Resolves when the next one may come. */
    add: async (batch: CopiedBatch): Promise<void> => {
      waiting.push(batch);
      if (waiting.length < SIZE) return;
      await writing;
      writeNext();
    },
    /** Resolves when all is written. */
    flush: async (): Promise<void> => {
      await writing;
      writeNext();
      await writing;
    },
  };
};
