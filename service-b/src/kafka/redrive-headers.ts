import { hash } from 'node:crypto';
import type { IHeaders } from 'kafkajs';
import { withOnly } from './header-changes';
import type { Headers, HeaderValue } from './record-headers';

const COUNT = 'redrive-count';
const OF = 'redrive-of';
const LETTER = 'redrive-letter';
const MAX_COUNT = 1_000_000;

const textOf = (value: HeaderValue): string => (Buffer.isBuffer(value) || typeof value === 'string' ? value.toString() : '');

/** How often a record was put back on `orders`: decimal text from 0 to 1,000,000; anything else, from whomever, counts as 0. */
export const redriveCountOf = (headers: Headers = {}): number => {
  const text = textOf(headers[COUNT]);
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return count <= MAX_COUNT ? count : 0;
};

/** Tells a dead letter from any other one that may once lie at its position: half of the SHA-256 of its value, in hex. */
export const letterIdOf = (value: Buffer | null): string => hash('sha256', value ?? Buffer.alloc(0), 'hex').slice(0, 32);

/** What a record of `orders` says of the dead letter that it was put back from. */
export type Mark = {
  /** Its position in the dead-letter topic, as `<partition>:<offset>`. */
  of: string;
  /** As of `letterIdOf`; undefined in a mark that tells the position alone. */
  letter: string | undefined;
  count: number;
};

/** The mark on a record. Anybody can write one: whether it is right is for the reader to find out. */
export const markOf = (headers: Headers = {}): Mark | undefined => {
  const of = textOf(headers[OF]);
  return of === '' ? undefined : { of, letter: textOf(headers[LETTER]) || undefined, count: redriveCountOf(headers) };
};

/** The headers with this mark, in place of an earlier one. */
export const withMark = (headers: Headers, { of, letter, count }: Mark & { letter: string }): IHeaders =>
  withOnly(headers, { [COUNT]: String(count), [OF]: of, [LETTER]: letter });
