import type { Logger } from '../utils/logger';
import type { Feed } from './feed';
import { viewOf, type Projection } from './projection';

/** A connection on which somebody reads events. */
export type Reader = {
  write: (chunk: Buffer) => void;
  /** Bytes that were written and not taken yet. */
  waiting: () => number;
  end: () => void;
  /** Ends it without what is still waiting. */
  cut: () => void;
};

type Event = { event: 'sync' | 'order' | 'counts'; data: string };

const STREAMS_MAX = 1_000;
/** A reader that has more than this waiting is cut off: it may come back and resume. */
const WAITING_MAX_BYTES = 1_048_576;
/** A resumed stream begins with no more than this: above it, reading the list anew is cheaper for both. */
const REPLAY_MAX_CHARACTERS = WAITING_MAX_BYTES / 2;
/** What is told at once goes in parts of about so many characters: one text of all could be too long to make. */
const PART_CHARACTERS = 16_777_216;
const FLUSH_INTERVAL_MS = 50;
const COUNTS_INTERVAL_MS = 1_000;
const HEARTBEAT_MS = 15_000;

const RETRY = 'retry: 1000\n\n';
const HEARTBEAT = Buffer.from(': heartbeat\n\n');

/** All but the last event carry the position before them: a stream that is cut off among them repeats them when it is resumed. */
const format = (events: Event[], before: string, after: string): string => events
  .map(({ event, data }, i) => `event: ${event}\nid: ${i === events.length - 1 ? after : before}\ndata: ${data}\n\n`)
  .join('');

export type Streams = ReturnType<typeof createStreams>;

/**
 * Tells readers which orders change, as server-sent events: at once after a rest, then every 50 ms, what changed meanwhile told once. An
 * event is written out once for all readers, and nothing is done for an order that nobody listens to.
 */
export const createStreams = ({ projection, feed, logger }: {
  projection: Pick<Projection, 'get' | 'counts' | 'onChange'>;
  feed: Pick<Feed, 'position' | 'since'>;
  logger: Logger;
}) => {
  const ofAll = new Set<Reader>();
  const ofOrder = new Map<string, Set<Reader>>();
  /** Changed since the last flush. */
  const changed = new Set<string>();
  /** Everything that was read from the log before this position has been told. */
  let toldTo = '';
  let flushedAt = -Infinity;
  let flushTimer: NodeJS.Timeout | undefined;
  let flushDueAt = Infinity;
  let countsTold = '';
  let countsToldAt = -Infinity;
  let open = 0;
  let closed = false;

  const countsNow = (): string => JSON.stringify(projection.counts());

  const orderEvent = (orderId: string): Event | undefined => {
    const data = viewOf(projection.get(orderId) ?? {});
    return data === undefined ? undefined : { event: 'order', data };
  };

  const tell = (readers: Iterable<Reader>, chunk: Buffer): void => {
    for (const reader of readers) {
      if (reader.waiting() <= WAITING_MAX_BYTES) {
        reader.write(chunk);
      } else {
        logger.info('event stream cut off: its reader is too slow', { waitingBytes: reader.waiting() });
        reader.cut();
      }
    }
  };

  const flushWithin = (ms: number): void => {
    const dueAt = performance.now() + ms;
    if (dueAt >= flushDueAt) return;
    clearTimeout(flushTimer);
    flushDueAt = dueAt;
    flushTimer = setTimeout(flush, ms);
  };

  /** Counts go with the changes that made them, at most once a second. */
  const countsEvent = (now: number): Event | undefined => {
    const data = countsNow();
    if (data === countsTold || ofAll.size === 0) return undefined;
    const early = countsToldAt + COUNTS_INTERVAL_MS - now;
    if (early > 0) {
      flushWithin(early);
      return undefined;
    }
    countsTold = data;
    countsToldAt = now;
    return { event: 'counts', data };
  };

  const flush = (): void => {
    clearTimeout(flushTimer);
    flushDueAt = Infinity;
    flushedAt = performance.now();
    const position = feed.position();
    let [events, characters]: [Event[], number] = [[], 0];
    for (const orderId of changed) {
      const event = orderEvent(orderId);
      if (event === undefined) continue;
      if (characters + event.data.length > PART_CHARACTERS && characters > 0) {
        tell(ofAll, Buffer.from(format(events, toldTo, toldTo)));
        [events, characters] = [[], 0];
      }
      if (ofAll.size > 0) events.push(event);
      characters += event.data.length;
      const readers = ofOrder.get(orderId);
      if (readers !== undefined) tell(readers, Buffer.from(format([event], position, position)));
    }
    changed.clear();
    const counts = countsEvent(flushedAt);
    if (counts !== undefined) events.push(counts);
    if (ofAll.size > 0 && events.length > 0) tell(ofAll, Buffer.from(format(events, toldTo, position)));
    toldTo = position;
  };

  projection.onChange((orderId) => {
    if (ofAll.size === 0 && !ofOrder.has(orderId)) return;
    if (changed.size === 0) flushWithin(Math.max(0, flushedAt + FLUSH_INTERVAL_MS - performance.now()));
    changed.add(orderId);
  });

  /** @returns undefined when what changed since is not known, or too much */
  const replay = (lastEventId: string): Event[] | undefined => {
    const changedSince = feed.since(lastEventId);
    if (changedSince === undefined) return undefined;
    const events: Event[] = [];
    let characters = 0;
    for (const orderId of changedSince) {
      const event = orderEvent(orderId);
      if (event === undefined) continue;
      events.push(event);
      characters += event.data.length;
      if (characters > REPLAY_MAX_CHARACTERS) return undefined;
    }
    return events;
  };

  const firstEvents = (orderId: string | undefined, lastEventId: string | undefined): string => {
    const position = feed.position();
    const missed = lastEventId === undefined ? undefined : replay(lastEventId);
    const events: Event[] = [{ event: 'sync', data: JSON.stringify({ resumed: missed !== undefined }) }];
    if (orderId === undefined) events.push(...missed ?? [], { event: 'counts', data: countsNow() });
    else events.push(orderEvent(orderId)!);
    return format(events, missed === undefined ? position : lastEventId!, position);
  };

  const heartbeat = setInterval(() => {
    tell(ofAll, HEARTBEAT);
    for (const readers of ofOrder.values()) tell(readers, HEARTBEAT);
  }, HEARTBEAT_MS).unref();

  return {
    /**
     * Begins to tell of one order, which is shown, or of all of them.
     * @param lastEventId the id of the last event that this reader has seen, if it is one that comes back
     * @returns what ends the telling; undefined when there can be no more streams
     */
    open: (reader: Reader, { orderId, lastEventId }: { orderId?: string; lastEventId?: string }): (() => void) | undefined => {
      if (open === STREAMS_MAX || closed) return undefined;
      // Whoever is here already hears what is still to be told, so that this one begins with nothing left over.
      flush();
      reader.write(Buffer.from(RETRY + firstEvents(orderId, lastEventId)));
      if (ofAll.size === 0) countsTold = countsNow();
      const readers = orderId === undefined ? ofAll : ofOrder.get(orderId) ?? new Set();
      if (orderId !== undefined) ofOrder.set(orderId, readers);
      readers.add(reader);
      open += 1;
      return () => {
        if (!readers.delete(reader)) return;
        open -= 1;
        if (orderId !== undefined && readers.size === 0) ofOrder.delete(orderId);
      };
    },
    /** How many are open. */
    size: (): number => open,
    /** Ends all streams; there will be no more. */
    close: (): void => {
      closed = true;
      clearInterval(heartbeat);
      clearTimeout(flushTimer);
      for (const readers of [ofAll, ...ofOrder.values()]) {
        for (const reader of readers) {
          // What is still waiting might never be taken; what it was can be had again.
          if (reader.waiting() > 0) reader.cut();
          else reader.end();
        }
        readers.clear();
      }
    },
  };
};
