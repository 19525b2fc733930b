import { isUtf8 } from 'node:buffer';
import { createHeaderWriter, eachHeader, type HeaderBlock } from './record-headers';

/**
 * A header as the envelope holds it: name and value, which is null if there was none. Bytes that are no UTF-8 travel as base64, and what is
 * base64 is said behind them, first of the value, then of the name: `["trace", "/w==", "base64"]`, `["/w==", "text", "utf8", "base64"]`.
 */
export type OriginalHeader = [name: string, value: string | null, valueEncoding?: Encoding, nameEncoding?: Encoding];
type Encoding = 'utf8' | 'base64';

const HEX = Buffer.from('0123456789abcdef');
const [QUOTE, BACKSLASH, SPACE, LETTER_U, ZERO] = [0x22, 0x5c, 0x20, 0x75, 0x30];
/** Around the two texts of a header: brackets, quotes, commas and both encodings. */
const MOST_AROUND = 32;
const MOST_FOR_A_BYTE = 6;

/**
 * The headers as JSON text, a list of `OriginalHeader`. Written byte by byte: JSON.stringify of half a million lists, which fit into one
 * record, takes ten times as long.
 */
export const originalHeadersText = (block: HeaderBlock): string => {
  const { bytes } = block;
  const out = Buffer.allocUnsafe(block.count * MOST_AROUND + bytes.length * MOST_FOR_A_BYTE + 2);
  let end = 0;

  const put = (text: string): void => {
    for (let index = 0; index < text.length; index += 1) out[end++] = text.charCodeAt(index);
  };

  /** @returns whether it is no UTF-8 and was written as base64 */
  const putText = (from: number, to: number): boolean => {
    const start = end;
    let bits = 0;
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at]!;
      bits |= byte;
      if (byte < SPACE) {
        out[end++] = BACKSLASH;
        out[end++] = LETTER_U;
        out[end++] = ZERO;
        out[end++] = ZERO;
        out[end++] = HEX[byte >> 4]!;
        out[end++] = HEX[byte & 15]!;
      } else {
        if (byte === QUOTE || byte === BACKSLASH) out[end++] = BACKSLASH;
        out[end++] = byte;
      }
    }
    if (bits < 0x80 || isUtf8(bytes.subarray(from, to))) return false;
    end = start + out.write(bytes.toString('base64', from, to), start, 'latin1');
    return true;
  };

  put('[');
  eachHeader(block, (nameFrom, nameTo, valueFrom, valueTo) => {
    put(end === 1 ? '["' : ',["');
    const nameIsBase64 = putText(nameFrom, nameTo);
    let valueIsBase64 = false;
    if (valueFrom < 0) {
      put('",null');
    } else {
      put('","');
      valueIsBase64 = putText(valueFrom, valueTo);
      put('"');
    }
    if (valueIsBase64 || nameIsBase64) put(valueIsBase64 ? ',"base64"' : ',"utf8"');
    put(nameIsBase64 ? ',"base64"]' : ']');
  });
  put(']');
  return out.toString('utf8', 0, end);
};

const isEncoding = (value: unknown): value is Encoding | undefined => value === undefined || value === 'utf8' || value === 'base64';

const isOriginalHeader = (value: unknown): value is OriginalHeader => {
  if (!Array.isArray(value)) return false;
  const [name, text, valueEncoding, nameEncoding] = value as unknown[];
  return typeof name === 'string' && (text === null || typeof text === 'string') && isEncoding(valueEncoding) && isEncoding(nameEncoding);
};

/** Whether it is what an envelope can hold as `originalHeaders`. */
export const isOriginalHeaders = (value: unknown): value is OriginalHeader[] => Array.isArray(value) && value.every(isOriginalHeader);

const bytesOf = (text: string, encoding: Encoding = 'utf8'): string | Buffer => (encoding === 'utf8' ? text : Buffer.from(text, encoding));

/** The headers as they were on the wire. */
export const blockOfOriginal = (headers: OriginalHeader[]): HeaderBlock => {
  const writer = createHeaderWriter(headers.length * 4);
  for (const [name, value, valueEncoding, nameEncoding] of headers) {
    writer.add(bytesOf(name, nameEncoding), value === null ? null : bytesOf(value, valueEncoding));
  }
  return writer.block();
};
