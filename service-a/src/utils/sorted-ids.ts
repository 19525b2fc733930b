/** Where an id stands: by its time, then by itself. */
export type Place = { time: number; id: string };

type Chunk = { times: number[]; ids: string[] };

const CHUNK_MAX = 512;

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
 * Ids in the order of their times (milliseconds), then of the ids. Adding, deleting and finding a place cost the logarithm of their
 * number plus a bounded part, however the times lie: the ids are held in sorted chunks, each small enough to insert into.
 */
export const createSortedIds = () => {
  const chunks: Chunk[] = [];

  const isBefore = ({ times, ids }: Chunk, place: number, time: number, id: string): boolean =>
    times[place]! < time || (times[place] === time && ids[place]! < id);
  const chunkOf = (time: number, id: string): number =>
    firstNot(chunks.length, (number) => isBefore(chunks[number]!, chunks[number]!.ids.length - 1, time, id));
  const placeIn = (chunk: Chunk, time: number, id: string): number =>
    firstNot(chunk.ids.length, (place) => isBefore(chunk, place, time, id));

  const split = (number: number): void => {
    const { times, ids } = chunks[number]!;
    // Ids come nearly in order: what lies before the last few of all is as good as complete.
    const at = number === chunks.length - 1 ? CHUNK_MAX - CHUNK_MAX / 8 : CHUNK_MAX / 2;
    chunks.splice(number, 1, { times: times.slice(0, at), ids: ids.slice(0, at) }, { times: times.slice(at), ids: ids.slice(at) });
  };

  /** Puts a chunk and the one after it together if that leaves room in it. */
  const join = (number: number): void => {
    const [one, other] = [chunks[number], chunks[number + 1]];
    if (one === undefined || other === undefined || one.ids.length + other.ids.length > CHUNK_MAX / 2) return;
    chunks.splice(number, 2, { times: [...one.times, ...other.times], ids: [...one.ids, ...other.ids] });
  };

  return {
    /** Adds an id that is not among them. */
    add: (time: number, id: string): void => {
      if (chunks.length === 0) chunks.push({ times: [], ids: [] });
      const number = Math.min(chunkOf(time, id), chunks.length - 1);
      const chunk = chunks[number]!;
      const place = placeIn(chunk, time, id);
      chunk.times.splice(place, 0, time);
      chunk.ids.splice(place, 0, id);
      if (chunk.ids.length > CHUNK_MAX) split(number);
    },
    /** Deletes an id that was added with this time. */
    delete: (time: number, id: string): void => {
      const number = chunkOf(time, id);
      const chunk = chunks[number];
      if (chunk === undefined) return;
      const place = placeIn(chunk, time, id);
      if (chunk.ids[place] !== id || chunk.times[place] !== time) return;
      chunk.times.splice(place, 1);
      chunk.ids.splice(place, 1);
      if (chunk.ids.length === 0) chunks.splice(number, 1);
      else if (chunk.ids.length < CHUNK_MAX / 8) join(number);
    },
    /** The ids before a place, or all of them, from the last to the first. Nothing may be added or deleted meanwhile. */
    * backwards(before?: Place): Generator<string> {
      let number = before === undefined ? chunks.length - 1 : Math.min(chunkOf(before.time, before.id), chunks.length - 1);
      for (; number >= 0; number -= 1) {
        const chunk = chunks[number]!;
        const end = before === undefined ? chunk.ids.length : placeIn(chunk, before.time, before.id);
        for (let place = end - 1; place >= 0; place -= 1) yield chunk.ids[place]!;
      }
    },
  };
};
