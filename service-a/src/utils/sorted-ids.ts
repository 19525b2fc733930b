import { compareUuids, readUuid, UUID_WORDS, writeUuid } from './uuid-words';

/** Where an id stands: by its time, then by itself. */
export type Place = { time: number; id: string };

type Chunk = { count: number; times: Float64Array; ids: Uint32Array };

const CHUNK_MAX = 512;

const newChunk = (): Chunk => ({ count: 0, times: new Float64Array(CHUNK_MAX), ids: new Uint32Array(CHUNK_MAX * UUID_WORDS) });

/** Appends the places of one chunk from `start` on to another. */
const append = (to: Chunk, from: Chunk, start = 0): void => {
  to.times.set(from.times.subarray(start, from.count), to.count);
  to.ids.set(from.ids.subarray(start * UUID_WORDS, from.count * UUID_WORDS), to.count * UUID_WORDS);
  to.count += from.count - start;
};

/** Moves the places from `place` on by so many, up or down. */
const shift = (chunk: Chunk, place: number, by: number): void => {
  chunk.times.copyWithin(place + by, place, chunk.count);
  chunk.ids.copyWithin((place + by) * UUID_WORDS, place * UUID_WORDS, chunk.count * UUID_WORDS);
  chunk.count += by;
};

/** The first of `count` places of which `isBefore` no longer holds. */
const firstNot = (count: number, isBefore: (place: number) => boolean): number => {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * UUIDs in the order of their times (milliseconds), then of their texts. Adding, deleting and finding a place cost the logarithm of their
 * number plus a bounded part, however the times lie: they are held in sorted chunks, each small enough to insert into.
 */
export const createSortedIds = () => {
  const chunks: Chunk[] = [];
  const wanted = new Uint32Array(UUID_WORDS);
  let size = 0;

  const isBefore = ({ times, ids }: Chunk, place: number, time: number): boolean =>
    times[place]! < time || (times[place] === time && compareUuids(ids, place * UUID_WORDS, wanted) < 0);
  /** The chunk in which a time and the wanted id belong. */
  const chunkOf = (time: number): number => firstNot(chunks.length, (number) => isBefore(chunks[number]!, chunks[number]!.count - 1, time));
  const placeIn = (chunk: Chunk, time: number): number => firstNot(chunk.count, (place) => isBefore(chunk, place, time));

  const split = (number: number): void => {
    const chunk = chunks[number]!;
    // Ids come nearly in order: what lies before the last few of all is as good as complete.
    const at = number === chunks.length - 1 ? CHUNK_MAX - CHUNK_MAX / 8 : CHUNK_MAX / 2;
    const next = newChunk();
    append(next, chunk, at);
    chunk.count = at;
    chunks.splice(number + 1, 0, next);
  };

  /** Puts a chunk and the one after it together if that leaves room in it. */
  const join = (number: number): void => {
    const [one, other] = [chunks[number], chunks[number + 1]];
    if (one === undefined || other === undefined || one.count + other.count > CHUNK_MAX / 2) return;
    append(one, other);
    chunks.splice(number + 1, 1);
  };

  return {
    /** Adds a lower-case UUID that is not among them. */
    add: (time: number, id: string): void => {
      writeUuid(id, wanted);
      if (chunks.length === 0) chunks.push(newChunk());
      let number = Math.min(chunkOf(time), chunks.length - 1);
      if (chunks[number]!.count === CHUNK_MAX) {
        split(number);
        number = Math.min(chunkOf(time), chunks.length - 1);
      }
      const chunk = chunks[number]!;
      const place = placeIn(chunk, time);
      shift(chunk, place, 1);
      chunk.times[place] = time;
      chunk.ids.set(wanted, place * UUID_WORDS);
      size += 1;
    },
    /** Deletes an id that was added with this time. */
    delete: (time: number, id: string): void => {
      writeUuid(id, wanted);
      const number = chunkOf(time);
      const chunk = chunks[number];
      if (chunk === undefined) return;
      const place = placeIn(chunk, time);
      if (place === chunk.count || chunk.times[place] !== time || compareUuids(chunk.ids, place * UUID_WORDS, wanted) !== 0) return;
      shift(chunk, place + 1, -1);
      size -= 1;
      if (chunk.count === 0) chunks.splice(number, 1);
      else if (chunk.count < CHUNK_MAX / 8) join(number);
    },
    first: (): Place | undefined => {
      const chunk = chunks[0];
      return chunk && { time: chunk.times[0]!, id: readUuid(chunk.ids) };
    },
    size: (): number => size,
    /** The ids before a place, or all of them, from the last to the first. Nothing may be added or deleted meanwhile. */
    * backwards(before?: Place): Generator<string> {
      let number = chunks.length - 1;
      let places = chunks[number]?.count ?? 0;
      if (before !== undefined && number >= 0) {
        writeUuid(before.id, wanted);
        number = Math.min(chunkOf(before.time), number);
        places = placeIn(chunks[number]!, before.time);
      }
      while (number >= 0) {
        const { ids } = chunks[number]!;
        for (let place = places - 1; place >= 0; place -= 1) yield readUuid(ids, place * UUID_WORDS);
        number -= 1;
        places = chunks[number]?.count ?? 0;
      }
    },
  };
};
