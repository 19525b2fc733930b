import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** An empty database and a few files of its log. */
const SIZE = '192m';

/** A disk that can be filled without harm to anybody else: a file system in memory. Only root may mount one. */
export const smallDisk = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'small-disk-'));
  const removeDir = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', dataDir]);
  } catch (error) {
    await removeDir();
    throw new Error(`A full disk needs a small one, and that needs to be root on Linux: ${(error as Error).message.trim()}`, { cause: error });
  }
  return {
    dataDir,
    remove: async (): Promise<void> => {
      await run('umount', [dataDir]);
      await removeDir();
    },
  };
};

/** Fills a disk to the last byte; resolves to what makes room again. */
export const fillDisk = async (folder: string): Promise<() => Promise<void>> => {
  const { type } = await statfs(folder);
  const TMPFS = 0x01_02_19_94;
  if (type !== TMPFS) throw new Error(`${folder} is no small disk: it will not be filled`);
  const ballast = join(folder, 'ballast');
  const file = await open(ballast, 'w');
  try {
    const chunk = Buffer.alloc(65_536, 1);
    for (;;) if ((await file.write(chunk)).bytesWritten < chunk.length) break;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
  return () => rm(ballast);
};
