import { isUtf8 } from 'node:buffer';
import { types } from 'avsc';

/** Where avsc reads and writes: bytes, and how far it is in them. */
type Tap = {
  buf: Buffer;
  pos: number;
  readLong: () => number;
  skipLong: () => void;
  readString: () => string;
  skipString: () => void;
  writeLong: (value: number) => void;
  writeString: (value: string) => void;
};
/** What is replaced: avsc has no public way to be strict. */
type Parts = { _read: (tap: Tap) => unknown; _skip: (tap: Tap) => void; _write: (tap: Tap, value: unknown) => void };
type PartsOf<T extends { prototype: object }, Own = object> = { prototype: T['prototype'] & Parts & Own };

const LONE_SURROGATE = /\p{Surrogate}/u;
const REPLACEMENT = '\uFFFD';

let itemsLeft = 0;

/** To be called before a record is read: it can have no more items than it has bytes. */
export const expectItems = (bytes: number): void => {
  itemsLeft = bytes;
};

/**
 * The number of items of the next block of an array or a map, 0 at the end. avsc reads as many as the record says, also past its end: nine
 * bytes can say 2^40.
 */
const nextBlock = (tap: Tap): number => {
  const count = tap.readLong();
  // A negative one is followed by the bytes that the block takes.
  if (count < 0) tap.skipLong();
  const items = Math.abs(count);
  if (!(items <= itemsLeft)) throw new RangeError('more items than bytes');
  itemsLeft -= items;
  return items;
};

const eachItem = (tap: Tap, visit: () => void): void => {
  for (let items = nextBlock(tap); items > 0; items = nextBlock(tap)) {
    for (let i = 0; i < items; i += 1) visit();
  }
};

const patchArrays = ({ prototype }: PartsOf<typeof types.ArrayType, { itemsType: Parts }>): void => {
  prototype._read = function (this: { itemsType: Parts }, tap) {
    const items: unknown[] = [];
    eachItem(tap, () => items.push(this.itemsType._read(tap)));
    return items;
  };
  prototype._skip = function (this: { itemsType: Parts }, tap) {
    eachItem(tap, () => this.itemsType._skip(tap));
  };
};

const patchMaps = ({ prototype }: PartsOf<typeof types.MapType, { valuesType: Parts }>): void => {
  prototype._read = function (this: { valuesType: Parts }, tap) {
    const entries: [string, unknown][] = [];
    eachItem(tap, () => entries.push([tap.readString(), this.valuesType._read(tap)]));
    return Object.fromEntries(entries);
  };
  prototype._skip = function (this: { valuesType: Parts }, tap) {
    eachItem(tap, () => {
      tap.skipString();
      this.valuesType._skip(tap);
    });
  };
};

const safe = (value: unknown): number => {
  if (!Number.isSafeInteger(value)) throw new RangeError('not a whole number that a double can hold');
  return value as number;
};

/** avsc takes 2^53 - 1 for too large, and reads some numbers below -2^52 as positive ones: the lowest bit has the sign. */
const patchLongs = ({ prototype }: PartsOf<typeof types.LongType>): void => {
  prototype._read = (tap) => {
    const isNegative = (tap.buf[tap.pos]! & 1) === 1;
    const value = safe(tap.readLong());
    if (isNegative !== (value < 0)) throw new RangeError('not a whole number that a double can hold');
    return value;
  };
  prototype._write = (tap, value) => tap.writeLong(safe(value));
};

/** What is no UTF-8 would be read as another text, and what has no UTF-8 would be written as bytes that are none. */
const patchStrings = ({ prototype }: PartsOf<typeof types.StringType>): void => {
  prototype._read = (tap) => {
    const length = tap.readLong();
    const from = tap.pos;
    const to = from + length;
    if (!(length >= 0 && to <= tap.buf.length)) throw new RangeError('truncated text');
    tap.pos = to;
    const text = tap.buf.toString('utf8', from, to);
    if (text.includes(REPLACEMENT) && !isUtf8(tap.buf.subarray(from, to))) throw new TypeError('text is not valid UTF-8');
    return text;
  };
  prototype._write = (tap, value) => {
    if (typeof value !== 'string' || LONE_SURROGATE.test(value)) throw new TypeError('not a text that UTF-8 can hold');
    tap.writeString(value);
  };
};

patchArrays(types.ArrayType as never);
patchMaps(types.MapType as never);
patchLongs(types.LongType as never);
patchStrings(types.StringType as never);
