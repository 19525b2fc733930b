import { hash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from './logger';

/** Who writes may read too. */
export type Scope = 'read' | 'write';

export type Holder = { name: string; scope: Scope };

/** Whose token it is; undefined when nobody's. Takes as long for one that is known as for one that is not. */
export type FindHolder = (token: string) => Holder | undefined;

type Entry = Holder & { digest: Buffer };

const LINE = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})\s+(read|write)\s+([0-9a-fA-F]{64})$/;
const REREAD_MS = 2_000;

/**
 * Reads the text of a tokens file: `name scope sha256-hex` in each line, but for empty ones and those that begin with `#`.
 * @throws Error that names the line and never what stands in it: somebody may have written the token itself
 */
export const parseTokens = (text: string): Entry[] => {
  const entries: Entry[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const [, name, scope, hex] = LINE.exec(entry) ?? [];
    if (hex === undefined) throw new Error(`line ${at + 1} is not "name read|write sha256-hex"`);
    const digest = Buffer.from(hex, 'hex');
    if (entries.some((other) => other.name === name || other.digest.equals(digest))) {
      throw new Error(`line ${at + 1} has the name or the hash of another one`);
    }
    entries.push({ name: name!, scope: scope as Scope, digest });
  }
  // More likely half a file than the wish to let nobody in.
  if (entries.length === 0) throw new Error('no token is in it');
  return entries;
};

/**
 * Knows the tokens of a file, which is read anew when it changes; while it cannot be read, those that it had stay.
 * @throws Error with a sentence when it cannot be read at first
 */
export const createTokens = ({ file, logger, rereadMs = REREAD_MS }: { file: string; logger: Logger; rereadMs?: number }): FindHolder => {
  let seen = '';
  let entries: Entry[];
  try {
    seen = readFileSync(file, 'utf8');
    entries = parseTokens(seen);
  } catch (error) {
    throw new Error(`API_TOKENS_FILE: the tokens cannot be read from ${file}: ${(error as Error).message}`, { cause: error });
  }

  // Its text is compared, not its times: they are told too coarsely, and a mounted file may be exchanged below its name.
  const reread = async (): Promise<void> => {
    const found = await readFile(file, 'utf8').catch((error: unknown) => error as Error);
    const text = found instanceof Error ? found.message : found;
    if (text === seen) return;
    seen = text;
    try {
      if (found instanceof Error) throw found;
      entries = parseTokens(text);
      logger.info('tokens read anew', { tokens: entries.length });
    } catch (error) {
      logger.error('tokens cannot be read, those of before stay', { error });
    }
  };
  const later = (): void => void setTimeout(() => void reread().then(later), rereadMs).unref();
  later();

  return (token) => {
    const digest = hash('sha256', token, 'buffer');
    let holder: Holder | undefined;
    for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) holder = entry;
    return holder;
  };
};
