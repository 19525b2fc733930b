import { compareUuids, createUuidHash, UUID_WORDS, writeUuid, type UuidHash } from './uuid-words';

/** What is held under an id: two numbers of the holder's own, which can be read without the text, and the text. */
export type StoredRecord = { queue: number; tag: number; time: number; text: string };

/** Where a record lies. Stands until the next `put` or `remove`. */
export type Location = number;

/** Memory is taken in slabs of so many bytes, or of one record if that is longer; records begin at multiples of 8, in the first 1 MiB. */
const SLAB_BYTES = 1_048_576;
const UNITS_BITS = 17;
const UNITS = 2 ** UNITS_BITS;
/** Some slabs are kept for what comes next instead of being given back. */
const SPARE_MAX = 4;
const SHARDS = 256;

/** A record: a header of 40 bytes, then its text in UTF-8. The first four fields and the id are words of 32 bits. */
const HEADER = { units: 0, textBytes: 1, next: 2, tag: 3, id: 4, time: 32, bytes: 40 };
/** `tag` of a record that was removed or has moved. */
const DEAD = 0xffff_ffff;

type Slab = {
  bytes: Buffer;
  words: Uint32Array;
  times: Float64Array;
  queue: number;
  /** In units of 8 bytes: where the next record goes, and what live ones take. */
  end: number;
  live: number;
};

const unitsFor = (bytes: number): number => Math.ceil(bytes / 8);

export type RecordStore = ReturnType<typeof createRecordStore>;

/**
 * Records by UUID, in queues, in memory that the garbage collector does not look into: a million of them cost it nothing.
 * A record is appended to the last slab of its queue; the index is of small Maps from hash to location, and records of one hash are
 * chained. What is removed leaves a gap; a slab of gaps alone is used again, and one that is gaps by more than half is copied together
 * (but for the first and the last one of a queue, which are about to empty or to fill).
 */
export const createRecordStore = ({ queues, hash = createUuidHash() }: { queues: number; hash?: UuidHash }) => {
  const index = Array.from({ length: SHARDS }, () => new Map<number, Location>());
  /** By number, from 1 on, so that no location is 0. */
  const slabs: (Slab | undefined)[] = [undefined];
  const freeNumbers: number[] = [];
  const spare: Buffer[] = [];
  /** Numbers of the slabs of each queue, the oldest first. */
  const order: number[][] = Array.from({ length: queues }, () => []);
  const wanted = new Uint32Array(UUID_WORDS);
  let size = 0;

  const slabOf = (location: Location): Slab => slabs[location >>> UNITS_BITS]!;
  const unitOf = (location: Location): number => location & (UNITS - 1);
  const wordAt = (location: Location, field: number): number => slabOf(location).words[unitOf(location) * 2 + field]!;
  const setWord = (location: Location, field: number, value: number): void => {
    slabOf(location).words[unitOf(location) * 2 + field] = value;
  };
  const hashOf = (location: Location): number => hash(slabOf(location).words, unitOf(location) * 2 + HEADER.id);
  const shardOf = (hashed: number): Map<number, Location> => index[hashed % SHARDS]!;

  /** In the chain of `hashed`, puts `to` where `from` is; 0 takes it out. */
  const relink = (hashed: number, from: Location, to: Location): void => {
    const shard = shardOf(hashed);
    const next = to === 0 ? wordAt(from, HEADER.next) : to;
    let at = shard.get(hashed)!;
    if (at === from) {
      if (next === 0) shard.delete(hashed);
      else shard.set(hashed, next);
      return;
    }
    while (wordAt(at, HEADER.next) !== from) at = wordAt(at, HEADER.next);
    setWord(at, HEADER.next, next);
  };

  const addSlab = (bytes: Buffer, queue: number): number => {
    const { buffer, length } = bytes;
    const number = freeNumbers.pop() ?? slabs.length;
    slabs[number] = {
      bytes, words: new Uint32Array(buffer, 0, length / 4), times: new Float64Array(buffer, 0, length / 8),
      queue, end: 0, live: 0,
    };
    return number;
  };

  const dropSlab = (number: number): void => {
    const { bytes } = slabs[number]!;
    slabs[number] = undefined;
    freeNumbers.push(number);
    if (bytes.length === SLAB_BYTES && spare.length < SPARE_MAX) spare.push(bytes);
  };

  /** Copies what is live in a slab to one that it fills. */
  const compact = (number: number): void => {
    const from = slabs[number]!;
    const copy = addSlab(Buffer.allocUnsafeSlow(from.live * 8), from.queue);
    const to = slabs[copy]!;
    for (let unit = 0; unit < from.end; unit += from.words[unit * 2 + HEADER.units]!) {
      if (from.words[unit * 2 + HEADER.tag] === DEAD) continue;
      const units = from.words[unit * 2 + HEADER.units]!;
      from.bytes.copy(to.bytes, to.end * 8, unit * 8, (unit + units) * 8);
      const location = copy * UNITS + to.end;
      to.end += units;
      to.live += units;
      relink(hashOf(location), number * UNITS + unit, location);
    }
    const numbers = order[from.queue]!;
    numbers[numbers.indexOf(number)] = copy;
    dropSlab(number);
  };

  const compactIfSparse = (number: number): void => {
    const { queue, live, bytes } = slabs[number]!;
    if (live * 16 < bytes.length && number !== order[queue]![0] && number !== order[queue]!.at(-1)) compact(number);
  };

  /** The slab of a queue that has room for so many bytes. A new one may move what the one before it holds. */
  const slabWithRoom = (queue: number, bytes: number): number => {
    const last = order[queue]!.at(-1);
    const slab = last === undefined ? undefined : slabs[last]!;
    if (slab !== undefined && slab.end < UNITS && slab.bytes.length - slab.end * 8 >= bytes) return last!;
    const memory = (bytes <= SLAB_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(Math.max(unitsFor(bytes) * 8, SLAB_BYTES));
    const number = addSlab(memory, queue);
    order[queue]!.push(number);
    if (last !== undefined) compactIfSparse(last);
    return number;
  };

  /** Leaves a gap where a record was that is linked no more. */
  const leave = (location: Location): void => {
    const number = location >>> UNITS_BITS;
    const slab = slabs[number]!;
    slab.live -= wordAt(location, HEADER.units);
    setWord(location, HEADER.tag, DEAD);
    if (slab.live === 0) {
      const numbers = order[slab.queue]!;
      numbers.splice(numbers.indexOf(number), 1);
      dropSlab(number);
    } else {
      compactIfSparse(number);
    }
  };

  const find = (id: string): Location => {
    writeUuid(id, wanted);
    const hashed = hash(wanted, 0);
    let location = shardOf(hashed).get(hashed) ?? 0;
    while (location !== 0 && compareUuids(slabOf(location).words, unitOf(location) * 2 + HEADER.id, wanted) !== 0) {
      location = wordAt(location, HEADER.next);
    }
    return location;
  };

  return {
    /** @returns 0 if nothing is held under the id */
    find,
    tag: (location: Location): number => wordAt(location, HEADER.tag),
    time: (location: Location): number => slabOf(location).times[unitOf(location) + HEADER.time / 8]!,
    text: (location: Location): string => {
      const start = unitOf(location) * 8 + HEADER.bytes;
      return slabOf(location).bytes.toString('utf8', start, start + wordAt(location, HEADER.textBytes));
    },
    /** Bytes that the record takes; what all take is at least half of the slabs, but for the first and the last one of each queue. */
    weight: (location: Location): number => wordAt(location, HEADER.units) * 8,
    setTag: (location: Location, tag: number): void => setWord(location, HEADER.tag, tag),
    /** Holds a record under a lower-case UUID, as the last of its queue, in place of what was held there. */
    put: (id: string, { queue, tag, time, text }: StoredRecord): void => {
      const number = slabWithRoom(queue, HEADER.bytes + Buffer.byteLength(text));
      const before = find(id);
      const slab = slabs[number]!;
      const unit = slab.end;
      const location = number * UNITS + unit;
      const textBytes = slab.bytes.write(text, unit * 8 + HEADER.bytes, 'utf8');
      const units = unitsFor(HEADER.bytes + textBytes);
      const hashed = hash(wanted, 0);
      setWord(location, HEADER.units, units);
      setWord(location, HEADER.textBytes, textBytes);
      setWord(location, HEADER.next, before === 0 ? shardOf(hashed).get(hashed) ?? 0 : wordAt(before, HEADER.next));
      setWord(location, HEADER.tag, tag);
      slab.words.set(wanted, unit * 2 + HEADER.id);
      slab.times[unit + HEADER.time / 8] = time;
      slab.end += units;
      slab.live += units;
      if (before === 0) {
        shardOf(hashed).set(hashed, location);
        size += 1;
      } else {
        relink(hashed, before, location);
        leave(before);
      }
    },
    remove: (id: string): void => {
      const location = find(id);
      if (location === 0) return;
      relink(hashOf(location), location, 0);
      leave(location);
      size -= 1;
    },
    size: (): number => size,
    /** Bytes of all slabs. */
    bytes: (): number => slabs.reduce((sum, slab) => sum + (slab?.bytes.length ?? 0), 0),
  };
};
