import { existsSync } from 'node:fs';
import { mkdir, open, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

export type Journal = Awaited<ReturnType<typeof openJournal>>;

type Waiting = { line: string; resolve: () => void; reject: (error: unknown) => void };

const readLines = async (file: string): Promise<{ lines: string[]; bytes: number }> => {
  const text = existsSync(file) ? await readFile(file) : Buffer.alloc(0);
  // A line without its end was being written when the process was killed, and nobody was told of it.
  const bytes = text.lastIndexOf('\n') + 1;
  return { lines: text.toString('utf8', 0, bytes).split('\n').slice(0, -1), bytes };
};

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path);
  await folder.sync();
  await folder.close();
};

/**
 * A file of JSON lines that only grows and survives kill -9: what `append` has resolved for is on the disk. Lines that come while others
 * are being written share one fsync.
 */
export const openJournal = async (file: string) => {
  await mkdir(dirname(file), { recursive: true });
  const { lines, bytes } = await readLines(file);
  const handle = await open(file, 'a');
  await truncate(file, bytes);
  await syncFolder(dirname(file));
  let waiting: Waiting[] = [];
  let writing = Promise.resolve();
  let idle = true;
  let broken: Error | undefined;

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        // After a failed write nobody knows what the file ends with.
        if (broken !== undefined) throw broken;
        await handle.appendFile(batch.map(({ line }) => line).join(''));
        await handle.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        broken = new Error('the ledger cannot be written', { cause: error });
        for (const { reject } of batch) reject(broken);
      }
    }
    idle = true;
  };

  return {
    /** What was in it when it was opened. */
    entries: lines.map((line): unknown => JSON.parse(line)),
    /** Resolves once the entry is on the disk. */
    append: (entry: unknown): Promise<void> => new Promise((resolve, reject) => {
      waiting.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
      if (!idle) return;
      idle = false;
      writing = writeAll();
    }),
    close: async (): Promise<void> => {
      await writing;
      await handle.close();
    },
  };
};
