import type { LogRecord } from '../kafka/log-reader';
import { letterIdOf, markOf } from '../kafka/redrive-headers';
import { cut } from '../utils/cut';
import { summaryOf } from './summary';

/** What became of a dead letter: of several the last one that holds. */
export type State = 'open' | 'putBack' | 'failedAgain' | 'paid';

/** What is held of a dead letter. */
export type Letter = {
  readonly position: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly failedAt: number;
  readonly key: string | null;
  readonly errorType: string | null;
  readonly errorMessage: string;
  readonly retryCount: number;
  readonly redriveCount: number;
  /** As of `shortIdOf`. */
  readonly id: number;
  /** What it says that it was put back from, and whose mark that is. */
  readonly from: { readonly of: string; readonly id: number } | undefined;
  putBack: boolean;
  failedAgain: boolean;
  paid: boolean;
};

export type Place = Pick<Letter, 'failedAt' | 'partition' | 'offset'>;
/** Shown in a list; in full it is with the letter. */
const MESSAGE_CHARACTERS = 200;
const TYPE_CHARACTERS = 200;
/** An object, its place in two maps and in the list; measured with 10^5 of them. Texts come on top. */
const LETTER_BYTES = 360;

export const stateOf = ({ paid, failedAgain, putBack }: Letter): State => {
  if (paid) return 'paid';
  if (failedAgain) return 'failedAgain';
  return putBack ? 'putBack' : 'open';
};

/** Newest first; of one time by where they lie. */
export const inOrder = (one: Place, other: Place): number =>
  other.failedAt - one.failedAt || other.partition - one.partition || other.offset - one.offset;

/** 48 bits of a letter's id: it has to tell two letters apart that lay at one position. */
export const shortIdOf = (id: string): number => Number.parseInt(id.slice(0, 12), 16);

export const letterOf = (record: LogRecord): Letter => {
  const { position, failedAt, key, errorType, errorMessage, retryCount, redriveCount } = summaryOf(record);
  const { partition, message: { offset, value, headers } } = record;
  const mark = markOf(headers);
  return {
    position, partition, offset: Number(offset), failedAt: Date.parse(failedAt), key, retryCount, redriveCount,
    errorType: errorType && cut(errorType, TYPE_CHARACTERS),
    errorMessage: cut(errorMessage, MESSAGE_CHARACTERS),
    id: shortIdOf(letterIdOf(value)),
    from: mark?.letter === undefined ? undefined : { of: mark.of, id: shortIdOf(mark.letter) },
    putBack: false, failedAgain: false, paid: false,
  };
};

export const bytesOf = ({ key, errorMessage }: Letter): number => LETTER_BYTES + 2 * (key?.length ?? 0) + errorMessage.length;
