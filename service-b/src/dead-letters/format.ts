import { originalOf, readDeadLetter, UnreadableDeadLetterError, type DeadLetter } from '../kafka/dead-letter';
import type { LogRecord } from '../kafka/log-reader';
import { blockOf, eachHeader, type Headers } from '../kafka/record-headers';
import { redriveCountOf } from '../kafka/redrive-headers';
import type { Decoded } from './decode';
import type { Candidate } from './redrive';
import { isoOf, positionOf, textOf, type Summary, type TypeCount } from './summary';

const MAX_CELL_CHARACTERS = 60;
const UNREADABLE = '(unreadable)';

/** Text from a record must not command the terminal: what is invisible or moves the cursor is shown as its number. */
const visible = (text: string): string => text.replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);

/** A text on one line of its own, cut if it is long. */
export const cell = (value: string | number): string => {
  const characters = [...visible(String(value)).replace(/[\n\t]/g, ' ')];
  return characters.length > MAX_CELL_CHARACTERS ? `${characters.slice(0, MAX_CELL_CHARACTERS - 1).join('')}…` : characters.join('');
};

const table = (head: string[], rows: (string | number)[][]): string => {
  const cells = [head, ...rows.map((row) => row.map(cell))];
  const widths = head.map((_title, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) => row.map((text, column) => text.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
};

export const listText = (summaries: Summary[]): string => table(
  ['POSITION', 'FAILED AT', 'ORDER OR KEY', 'TYPE', 'RETRIES', 'REDRIVES', 'MESSAGE'],
  summaries.map(({ position, failedAt, key, errorType, retryCount, redriveCount, errorMessage }) =>
    [position, failedAt, key ?? '-', errorType ?? UNREADABLE, retryCount, redriveCount, errorMessage]),
);

export const statisticsText = (types: TypeCount[]): string => table(
  ['TYPE', 'COUNT', 'OLDEST', 'NEWEST'],
  types.map(({ errorType, count, oldest, newest }) => [errorType ?? UNREADABLE, count, oldest, newest]),
);

/** What a dry run says of one. */
export const verdictText = (position: string, { order, redriveCount }: Candidate, reason: string | undefined): string =>
  `${position}  ${cell(order ?? '-')}  ${reason === undefined ? `would be put back, redrive ${redriveCount + 1}` : `would be skipped: ${reason}`}`;

/** One JSON document a line. */
export const jsonLines = (documents: unknown[]): string => documents.map((document) => JSON.stringify(document)).join('\n');

/** The text is null for a header without a value. */
type ShownHeader = [name: string, text: string | null];

/** As they are in the record, in their order. */
const shownHeadersOf = (headers: Headers | undefined): ShownHeader[] => {
  const block = blockOf(headers);
  const shown: ShownHeader[] = [];
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    const text = valueFrom < 0 ? null : textOf(block.bytes.subarray(valueFrom, end));
    shown.push([textOf(block.bytes.subarray(nameFrom, nameTo)), text]);
  });
  return shown;
};

/** A dead letter in full; what cannot be read as one is `unreadable`, with its value as text. */
type Detail = {
  position: string;
  appendedAt: string;
  key: string | null;
  redriveCount: number;
  headers: ShownHeader[];
} & ({ deadLetter: DeadLetter } & Decoded | { unreadable: string; value: string | null });

export const detailOf = (record: LogRecord): Detail => {
  const { key, value, headers, timestamp } = record.message;
  const common = {
    position: positionOf(record),
    appendedAt: isoOf(Number(timestamp)),
    key: key && textOf(key),
    redriveCount: redriveCountOf(headers),
    headers: shownHeadersOf(headers),
  };
  try {
    return { ...common, deadLetter: readDeadLetter(value) };
  } catch (error) {
    if (!(error instanceof UnreadableDeadLetterError)) throw error;
    return { ...common, unreadable: error.message, value: value && textOf(value) };
  }
};

const originalText = (letter: DeadLetter, { decoded }: Decoded): string => {
  try {
    if (decoded !== undefined) return JSON.stringify(decoded, null, 2);
    if (letter.originalValueEncoding === 'json') return JSON.stringify(letter.originalValue, null, 2);
    if (letter.originalValueEncoding === 'base64') return `base64:${String(letter.originalValue)}`;
    const { value } = originalOf(letter);
    return value === null ? '(none)' : textOf(value);
  } catch {
    return '(nested too deep to be shown)';
  }
};

const kindOf = ({ deadLetter, decoded, notDecoded }: { deadLetter: DeadLetter } & Decoded): string => {
  if (decoded !== undefined) return 'Avro';
  return notDecoded === undefined ? deadLetter.originalValueEncoding : `Avro, cannot be shown as an event: ${notDecoded}`;
};

const fields = (entries: [name: string, text: string | number][]): string[] => entries.map(([name, text]) => `${name.padEnd(10)}  ${text}`);

const MAX_HEADERS_SHOWN = 100;

const headersText = (headers: ShownHeader[]): string[] => {
  const lines = headers.slice(0, MAX_HEADERS_SHOWN).map(([name, text]) => `  ${name}${text === null ? ' (no value)' : `: ${text}`}`);
  const more = headers.length - lines.length;
  return ['', 'headers', ...lines, ...(more > 0 ? [`  and ${more} more, which --json shows`] : [])];
};

export const detailText = (detail: Detail): string => {
  const { position, appendedAt, key, redriveCount, headers } = detail;
  const about = fields([['position', position], ['key', key ?? '(none)'], ['appended', appendedAt], ['redrives', redriveCount]]);
  const shownHeaders = headersText(headers);
  if (!('deadLetter' in detail)) {
    return visible([...about, ...fields([['unreadable', detail.unreadable]]), ...shownHeaders, '', 'value', detail.value ?? '(none)'].join('\n'));
  }
  const letter = detail.deadLetter;
  return visible([
    ...about,
    ...fields([
      ['failed', letter.failedAt],
      ['error', `${letter.errorType}: ${letter.errorMessage}`],
      ['retries', letter.retryCount],
      ['original', `${letter.originalTopic} ${letter.originalPartition}:${letter.originalOffset}`],
    ]),
    ...shownHeaders,
    '', `original (${kindOf(detail)})`, originalText(letter, detail),
    '', 'stack', letter.errorStack,
  ].join('\n'));
};
