import type { IHeaders } from 'kafkajs';

/** What a header can hold, by its name: null for a header without a value, a list for a name that comes more than once. */
export type HeaderValue = IHeaders[string] | null | (Buffer | string | null)[];
export type Headers = Readonly<Record<string, HeaderValue>>;

/**
 * A record's headers as they are on the wire: `count` times the length of a name, the name, the length of the value (-1: none), the value.
 * Lengths are zigzag varints (https://kafka.apache.org/documentation/#recordheader).
 */
export type HeaderBlock = { readonly count: number; readonly bytes: Buffer };

const BLOCK = Symbol('the headers as they are on the wire');

/** Told where in the block's bytes a header's name lies, where its value begins (-1: it has none), and where the header ends. */
type Visit = (nameFrom: number, nameTo: number, valueFrom: number, end: number) => void;

/** Visits the headers in their order, and makes nothing of those that nobody asks for: a record can hold half a million. */
export const eachHeader = ({ count, bytes }: HeaderBlock, visit: Visit): void => {
  let at = 0;
  const readLength = (): number => {
    let raw = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80 && shift < 35; shift += 7) {
      byte = bytes[at++] ?? 0;
      raw |= (byte & 0x7f) << shift;
    }
    return (raw >>> 1) ^ -(raw & 1);
  };
  for (let left = count; left > 0 && at < bytes.length; left -= 1) {
    const nameBytes = readLength();
    const nameFrom = at;
    if (nameBytes > 0) at += nameBytes;
    const nameTo = at;
    const valueBytes = readLength();
    const valueFrom = valueBytes < 0 ? -1 : at;
    if (valueBytes > 0) at += valueBytes;
    visit(nameFrom, nameTo, valueFrom, at);
  }
};

/** Whether just this name lies there. */
export const isAt = (bytes: Buffer, from: number, to: number, wanted: Buffer): boolean =>
  to - from === wanted.length && bytes.compare(wanted, 0, wanted.length, from, to) === 0;

const valueAt = (bytes: Buffer, from: number, end: number): Buffer | null => (from < 0 ? null : bytes.subarray(from, end));

/** What KafkaJS would give under this name. */
const find = (block: HeaderBlock, name: string): HeaderValue => {
  const { bytes } = block;
  const wanted = Buffer.from(name);
  const found: (Buffer | null)[] = [];
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    if (isAt(bytes, nameFrom, nameTo, wanted)) found.push(valueAt(bytes, valueFrom, end));
  });
  return found.length > 1 ? found : found[0];
};

const toObject = (block: HeaderBlock): Headers => {
  const { bytes } = block;
  // Without a prototype: a header may have any name.
  const headers = Object.create(null) as Record<string, Buffer | null | (Buffer | null)[]>;
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    const name = bytes.toString('utf8', nameFrom, nameTo);
    const value = valueAt(bytes, valueFrom, end);
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else headers[name] = [known, value];
  });
  return headers;
};

const none: IHeaders = Object.freeze(Object.create(null) as IHeaders);

/**
 * The headers of a block as KafkaJS shows them, by name: each is looked for when it is asked for. The block itself stays with them.
 * Null is among the values, though KafkaJS has no type for that: whoever reads them takes `Headers`.
 */
export const headersOf = (block: HeaderBlock): IHeaders => {
  if (block.count === 0) return none;
  let read: Headers | undefined;
  const all = (): Headers => read ??= toObject(block);
  return new Proxy<IHeaders>(Object.create(null) as IHeaders, {
    get: (_target, name) => {
      if (name === BLOCK) return block;
      return typeof name === 'string' ? find(block, name) : undefined;
    },
    has: (_target, name) => name === BLOCK || (typeof name === 'string' && find(block, name) !== undefined),
    ownKeys: () => Reflect.ownKeys(all()),
    getOwnPropertyDescriptor: (_target, name) => Reflect.getOwnPropertyDescriptor(all(), name),
  });
};

/** Headers that are to be sent and are read no more. */
export const sealed = (block: HeaderBlock): IHeaders => ({ [BLOCK]: block });

const isOnBlock = (headers: object): headers is { [BLOCK]: HeaderBlock } => BLOCK in headers;

/** Characters; their number is a varint of one byte. */
const SHORT = 20;

/** Writes headers one behind the other. */
export const createHeaderWriter = (expectedBytes = 64) => {
  let bytes = Buffer.allocUnsafe(expectedBytes);
  let end = 0;
  let count = 0;

  const makeRoom = (needed: number): void => {
    if (end + needed <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(end + needed, 2 * bytes.length));
    bytes.copy(larger, 0, 0, end);
    bytes = larger;
  };

  /** Most texts in a record of very many headers are such; they cost less this way than the calls of `Buffer`. */
  const writeShortAscii = (text: string): boolean => {
    const { length } = text;
    if (length > SHORT) return false;
    makeRoom(1 + length);
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[end + 1 + index] = code;
    }
    bytes[end] = 2 * length;
    end += 1 + length;
    return true;
  };

  const write = (part: string | Uint8Array | null): void => {
    if (typeof part === 'string' && writeShortAscii(part)) return;
    const isText = typeof part === 'string';
    const length = part === null ? -1 : (isText ? Buffer.byteLength(part) : part.length);
    makeRoom(5 + length);
    let rest = ((length << 1) ^ (length >> 31)) >>> 0;
    for (; rest > 0x7f; rest >>>= 7) bytes[end++] = (rest & 0x7f) | 0x80;
    bytes[end++] = rest;
    if (part === null || length === 0) return;
    if (isText) bytes.write(part, end);
    else bytes.set(part, end);
    end += length;
  };

  return {
    add: (name: string | Uint8Array, value: string | Uint8Array | null): void => {
      write(name);
      write(value);
      count += 1;
    },
    /** Headers that lie on the wire already. */
    addBlock: (more: HeaderBlock): void => {
      makeRoom(more.bytes.length);
      end += more.bytes.copy(bytes, end);
      count += more.count;
    },
    block: (): HeaderBlock => ({ count, bytes: bytes.subarray(0, end) }),
  };
};

const empty: HeaderBlock = { count: 0, bytes: Buffer.alloc(0) };

/** The headers as they go on the wire: just as they came from there, or those of an object, a list under a name as one header each. */
export const blockOf = (headers: Headers | undefined): HeaderBlock => {
  if (headers === undefined || headers === none) return empty;
  if (isOnBlock(headers)) return headers[BLOCK];
  const writer = createHeaderWriter();
  for (const [name, value] of Object.entries(headers)) {
    const values: (Buffer | string | null | undefined)[] = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== undefined) writer.add(name, one);
  }
  return writer.block();
};

/** Bytes that the headers take in a record. */
export const headerBytesOf = (headers: Headers | undefined): number => blockOf(headers).bytes.length;
