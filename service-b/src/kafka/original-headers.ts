import { isUtf8 } from 'node:buffer';
import { createHeaderWriter, eachHeader, type HeaderBlock } from './record-headers';

/**
 * A header as the envelope holds it: name and value, which is null if there was none. Bytes that are no UTF-8 travel as base64, and a third
 * text says of what that is so: `["trace", "/w==", "base64"]` of the value, `["/w==", "dGV4dA==", "both"]` of the name and the value.
 */
export type OriginalHeader = [name: string, value: string | null, inBase64?: 'base64' | 'both'];

const HEX = Buffer.from('0123456789abcdef');
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;
const [QUOTE, BACKSLASH, SPACE, LETTER_U, ZERO] = [0x22, 0x5c, 0x20, 0x75, 0x30];
/** Around the two texts of a header: brackets, quotes, commas, what is in base64 and its padding. */
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

  const putBase64 = (from: number, to: number): void => {
    for (let at = from; at < to; at += 3) {
      const left = to - at;
      const bits = (bytes[at]! << 16) | (left > 1 ? bytes[at + 1]! << 8 : 0) | (left > 2 ? bytes[at + 2]! : 0);
      out[end++] = BASE64[bits >> 18]!;
      out[end++] = BASE64[(bits >> 12) & 63]!;
      out[end++] = left > 1 ? BASE64[(bits >> 6) & 63]! : PADDING;
      out[end++] = left > 2 ? BASE64[bits & 63]! : PADDING;
    }
  };

  /** @returns whether it is UTF-8; else nothing is put */
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
    if (bits < 0x80 || isUtf8(bytes.subarray(from, to))) return true;
    end = start;
    return false;
  };

  /** The value, and what is in base64. */
  const putValue = (from: number, to: number, nameIsText: boolean): void => {
    put(from < 0 ? ',null' : ',"');
    const isText = nameIsText && putText(from, to);
    if (!isText) putBase64(from, to);
    if (from >= 0) put('"');
    if (!isText) put(nameIsText ? ',"base64"' : ',"both"');
  };

  put('[');
  eachHeader(block, (nameFrom, nameTo, valueFrom, valueTo) => {
    put(end === 1 ? '["' : ',["');
    const nameIsText = putText(nameFrom, nameTo);
    if (!nameIsText) putBase64(nameFrom, nameTo);
    put('"');
    // A value that is null is no bytes: from -1 to -1.
    putValue(valueFrom, valueFrom < 0 ? valueFrom : valueTo, nameIsText);
    put(']');
  });
  put(']');
  return out.toString('utf8', 0, end);
};

const isOriginalHeader = (value: unknown): value is OriginalHeader => {
  if (!Array.isArray(value)) return false;
  const [name, text, inBase64] = value as unknown[];
  return typeof name === 'string' && (text === null || typeof text === 'string')
    && (inBase64 === undefined || inBase64 === 'base64' || inBase64 === 'both');
};

/** Whether it is what an envelope can hold as `originalHeaders`. */
export const isOriginalHeaders = (value: unknown): value is OriginalHeader[] => Array.isArray(value) && value.every(isOriginalHeader);

/** The headers as they were on the wire. */
export const blockOfOriginal = (headers: OriginalHeader[]): HeaderBlock => {
  const writer = createHeaderWriter(headers.length * 4);
  for (const [name, value, inBase64] of headers) {
    writer.add(
      inBase64 === 'both' ? Buffer.from(name, 'base64') : name,
      inBase64 === undefined || value === null ? value : Buffer.from(value, 'base64'),
    );
  }
  return writer.block();
};
