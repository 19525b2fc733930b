import { exactText, exactTextOfValue, originalOf, readDeadLetter, UnreadableDeadLetterError, type DeadLetter } from '../kafka/dead-letter';
import type { LogRecord } from '../kafka/log-reader';
import { blockOf, eachHeader, type Headers } from '../kafka/record-headers';
import { traceIdOf, traceOf } from '../utils/tracing';
import { stateOf, type Letter } from './letter';
import { textOf } from './summary';

/** Of texts, and of the value that is shown. */
const VALUE_BYTES = 262_144;
const TEXT_CHARACTERS = 16_384;
const HEADERS_SHOWN = 200;
const HEADER_CHARACTERS = 4_096;
/** Deeper, indentation would be the most of it. */
const PRETTY_DEPTH = 100;

type Bytes = { encoding: 'json' | 'utf8' | 'base64' | 'none'; text: string; pretty: string | null; bytes: number; cut?: true };

/** A dead letter in a list. */
export const summaryView = (letter: Letter) => {
  const { position, failedAt, key, errorType, errorMessage, retryCount, redriveCount } = letter;
  return {
    position, failedAt: new Date(failedAt).toISOString(), orderId: key, errorType, errorMessage, retryCount, redriveCount,
    state: stateOf(letter),
  };
};

const isDeep = (json: string): boolean => {
  let depth = 0;
  return (json.match(/[[\]{}]/g) ?? []).some((bracket) => (depth += bracket === '[' || bracket === '{' ? 1 : -1) > PRETTY_DEPTH);
};

/** @param json whether it is known to be JSON */
const bytesView = (bytes: Buffer | null, json: boolean): Bytes => {
  if (bytes === null) return { encoding: 'none', text: '', pretty: null, bytes: 0 };
  const whole = exactTextOfValue(bytes);
  const encoding = whole === undefined ? 'base64' : (json ? 'json' : 'utf8');
  if (bytes.length > VALUE_BYTES) {
    const start = bytes.subarray(0, VALUE_BYTES);
    return { encoding, text: whole === undefined ? start.toString('base64') : start.toString(), pretty: null, bytes: bytes.length, cut: true };
  }
  const pretty = json && whole !== undefined && !isDeep(whole) ? JSON.stringify(JSON.parse(whole), null, 2) : null;
  return { encoding, text: whole ?? bytes.toString('base64'), pretty, bytes: bytes.length };
};

const keyView = (key: Buffer | null) => (key === null
  ? { text: null, encoding: 'none' }
  : { text: exactText(key) ?? key.toString('base64'), encoding: exactText(key) === undefined ? 'base64' : 'utf8' });

const headersView = (headers: Headers | undefined) => {
  const block = blockOf(headers);
  const shown: [string, string | null][] = [];
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    if (shown.length === HEADERS_SHOWN) return;
    const text = (from: number, to: number): string => textOf(block.bytes.subarray(from, to)).slice(0, HEADER_CHARACTERS);
    shown.push([text(nameFrom, nameTo), valueFrom < 0 ? null : text(valueFrom, end)]);
  });
  return { headers: shown, ...(block.count > HEADERS_SHOWN && { headersCut: true }) };
};

/** What is wrapped; undefined if that cannot be told. */
const readAll = (record: LogRecord): { letter: DeadLetter; value: Buffer | null } | undefined => {
  try {
    const letter = readDeadLetter(record.message.value);
    return { letter, value: originalOf(letter).value };
  } catch (error) {
    if (error instanceof UnreadableDeadLetterError) return undefined;
    throw error;
  }
};

/**
 * A dead letter in full, as far as bounds allow; of one that cannot be read its own value.
 * @param decoded the event that the original is, where that is Avro
 */
export const detailView = (
  record: LogRecord, known: Letter,
  { decoded, board, traces }: { decoded?: unknown; board: string | undefined; traces: string | undefined },
) => {
  const read = readAll(record);
  const { key, headers } = record.message;
  const traceId = traceIdOf(traceOf(headers)) ?? null;
  return {
    ...summaryView(known),
    ...(read !== undefined && { errorMessage: read.letter.errorMessage.slice(0, TEXT_CHARACTERS) }),
    originalTopic: read?.letter.originalTopic ?? null,
    originalPartition: read?.letter.originalPartition ?? null,
    originalOffset: read?.letter.originalOffset ?? null,
    key: keyView(key),
    value: {
      ...read === undefined ? bytesView(record.message.value, false) : bytesView(read.value, read.letter.originalValueEncoding === 'json'),
      ...(decoded !== undefined && { pretty: JSON.stringify(decoded, null, 2) }),
    },
    ...headersView(headers),
    errorStack: read?.letter.errorStack.slice(0, TEXT_CHARACTERS) ?? '',
    traceId,
    ...(board !== undefined && known.key !== null && { boardUrl: `${board}#${encodeURIComponent(known.key)}` }),
    ...(traces !== undefined && traceId !== null && { traceUrl: `${traces}${traceId}` }),
  };
};
