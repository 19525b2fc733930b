import type { IHeaders } from 'kafkajs';

const COUNT = 'redrive-count';
const OF = 'redrive-of';
const MAX_COUNT = 1_000_000;

const textOf = (value: IHeaders[string]): string => (Buffer.isBuffer(value) || typeof value === 'string' ? value.toString() : '');

/** How often a record was put back on `orders`: decimal text from 0 to 1,000,000; anything else, from whomever, counts as 0. */
export const redriveCountOf = (headers: IHeaders = {}): number => {
  const text = textOf(headers[COUNT]);
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  return count <= MAX_COUNT ? count : 0;
};

/** The dead letter that a record of `orders` was put back from, as `<partition>:<offset>` of the dead-letter topic. */
export const redrivenFrom = (headers: IHeaders = {}): string | undefined => textOf(headers[OF]) || undefined;

export const redriveHeaders = ({ count, of }: { count: number; of: string }): IHeaders => ({ [COUNT]: String(count), [OF]: of });
