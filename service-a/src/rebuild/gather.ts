import type { CopiedBatch } from './copy-batches';

/** Batches that are written at once at most, of at most 500 records each. Each is of one small fetch, so that this bounds memory too. */
const SIZE = 20;

/**
 * Gathers batches, to write many at once while the next ones are read. The tables do not know yet what waits here: before they are asked
 * for anything, all of it is written. After a write that failed there is none, and whoever has to wait for one is told.
 */
export const createGather = (write: (batches: readonly CopiedBatch[]) => Promise<void>) => {
  let waiting: CopiedBatch[] = [];
  let writing: Promise<void> = Promise.resolve();

  const writeNext = (): void => {
    if (waiting.length === 0) return;
    const batches = waiting;
    waiting = [];
    writing = writing.then(() => write(batches));
    writing.catch(() => undefined);
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
