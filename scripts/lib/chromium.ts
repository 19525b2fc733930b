import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The program that `CHROMIUM_PATH` names, else the first of the usual names on the path; throws a sentence that says what to install. */
const findChromium = (): string => {
  const given = process.env.CHROMIUM_PATH;
  if (given && !isProgram(given)) throw new Error(`CHROMIUM_PATH names no program: ${given}`);
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = given || names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
  if (found) return found;
  throw new Error('This needs Chromium, and there is none: install it (Debian, Ubuntu: apt-get install chromium), or name its program in CHROMIUM_PATH.');
};

/** Starts a headless Chromium of this machine. */
export const launchChromium = (): Promise<Browser> => chromium.launch({ executablePath: findChromium() });
