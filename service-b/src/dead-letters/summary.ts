import { exactText, readDeadLetterInBrief, UnreadableDeadLetterError, type DeadLetter } from '../kafka/dead-letter';
import type { LogRecord } from '../kafka/log-reader';
import { redriveCountOf } from '../kafka/redrive-headers';
import { cut } from '../utils/cut';
import { instantOf } from '../utils/timestamp';
import type { Filter } from './command';

/** A dead letter in a few words; `errorType` is null for a record that cannot be read as one, and `errorMessage` says why. */
export type Summary = {
  /** `<partition>:<offset>` in the dead-letter topic. */
  position: string;
  /** ISO 8601 in UTC; of one that cannot be read: when it was appended. */
  failedAt: string;
  key: string | null;
  errorType: string | null;
  errorMessage: string;
  retryCount: number;
  redriveCount: number;
};

const MAX_MESSAGE_CHARACTERS = 1_000;

export const positionOf = ({ partition, message }: LogRecord): string => `${partition}:${message.offset}`;

/** Bytes as text: UTF-8 if they are, else base64 that says so. */
export const textOf = (bytes: Buffer): string => exactText(bytes) ?? `base64:${bytes.toString('base64')}`;

/** ISO 8601 in UTC; 1970 for what is no time. */
export const isoOf = (time: number): string => {
  const date = new Date(time);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString();
};

/** A record of the dead-letter topic in a few words, and the dead letter, if it is one. */
export const summaryAndLetterOf = (record: LogRecord): { summary: Summary; letter?: DeadLetter } => {
  const { key, value, headers, timestamp } = record.message;
  const common = { position: positionOf(record), key: key && textOf(key), redriveCount: redriveCountOf(headers) };
  try {
    const letter = readDeadLetterInBrief(value);
    const { failedAt, errorType, retryCount } = letter;
    const errorMessage = cut(letter.errorMessage, MAX_MESSAGE_CHARACTERS);
    return { summary: { ...common, failedAt: isoOf(instantOf(failedAt)), errorType, errorMessage, retryCount }, letter };
  } catch (error) {
    if (!(error instanceof UnreadableDeadLetterError)) throw error;
    return { summary: { ...common, failedAt: isoOf(Number(timestamp)), errorType: null, errorMessage: error.message, retryCount: 0 } };
  }
};

export const summaryOf = (record: LogRecord): Summary => summaryAndLetterOf(record).summary;

/** Keys that are ids of orders differ in nothing but case when they are the same. */
export const orderOf = (key: string | null): string | undefined => key?.toLowerCase();

/** @param failedAt milliseconds since 1970 */
export const isOfTypeAndTime = (
  { type, since = -Infinity, until = Infinity }: Filter, errorType: string | null, failedAt: number,
): boolean => (type === undefined || type === errorType) && failedAt >= since && failedAt < until;

export const matches = (filter: Filter, { errorType, key, failedAt }: Summary): boolean =>
  isOfTypeAndTime(filter, errorType, Date.parse(failedAt)) && (filter.order === undefined || orderOf(filter.order) === orderOf(key));

const newestFirst = (one: Summary, other: Summary): number => {
  if (one.failedAt !== other.failedAt) return one.failedAt < other.failedAt ? 1 : -1;
  return other.position.localeCompare(one.position, 'en', { numeric: true });
};

/** Keeps the newest `limit` of all that are added, and counts the others. */
export const createNewest = (limit: number) => {
  let kept: Summary[] = [];
  let total = 0;
  const cut = (): Summary[] => kept.sort(newestFirst).slice(0, limit);
  return {
    add: (summary: Summary): void => {
      total += 1;
      kept.push(summary);
      if (kept.length >= 2 * limit + 1_000) kept = cut();
    },
    result: (): { newest: Summary[]; total: number } => ({ newest: cut(), total }),
  };
};

export type TypeCount = { errorType: string | null; count: number; oldest: string; newest: string };

/** Counts what is added by error type. */
export const createStatistics = () => {
  const types = new Map<string | null, TypeCount>();
  return {
    add: ({ errorType, failedAt }: Summary): void => {
      const type = types.get(errorType);
      if (type === undefined) {
        types.set(errorType, { errorType, count: 1, oldest: failedAt, newest: failedAt });
        return;
      }
      type.count += 1;
      if (failedAt < type.oldest) type.oldest = failedAt;
      if (failedAt > type.newest) type.newest = failedAt;
    },
    /** The most frequent first. */
    result: (): TypeCount[] => [...types.values()].sort((one, other) => other.count - one.count),
  };
};
