import type { Changes, OrderStore } from '../processors/order-store';
import type { Logger } from '../utils/logger';
import { HEARTBEAT, orderEvent, RETRY, textOf, type StreamEvent } from './event-text';
import { createReaders, WAITING_MAX_BYTES, type Reader } from './readers';

/** What a reader asks for: one order, or all; and the id of the last event that it has seen, if it is one that comes back. */
export type Asked = { orderId?: string; lastEventId?: string };

const STREAMS_MAX = 1_000;
/** A resumed stream begins with no more than this: above it, reading the list anew is cheaper for both. */
const REPLAY_MAX_CHARACTERS = WAITING_MAX_BYTES / 2;
/** So many orders are read before it is known whether that is too much. */
const REPLAY_PART = 50;
/** What is told at once goes in parts of about so many characters: one text of all could be too long to make. */
const PART_CHARACTERS = 16_777_216;
const FLUSH_INTERVAL_MS = 50;
const COUNTS_INTERVAL_MS = 1_000;
const HEARTBEAT_MS = 15_000;

export type Streams = ReturnType<typeof createStreams>;

/**
 * Tells readers which orders change, as server-sent events: at once after a rest, then every 50 ms, what changed meanwhile told once. An
 * event is written out once for all readers, and nothing is done for an order that nobody listens to.
 * A position is taken before the store is asked: what is told under it holds at least what the log says up to there.
 */
export const createStreams = ({ store, changes, logger }: {
  store: Pick<OrderStore, 'getMany' | 'counts'>;
  changes: Changes;
  logger: Logger;
}) => {
  const readers = createReaders(logger);
  /** Orders that changed since the last flush; and whether the counts may have, since they were asked for. */
  let changed = new Set<string>();
  let countsChanged = false;
  /** Everything that was read from the log before this position has been told. */
  let toldTo = '';
  let flushedAt = -Infinity;
  let flushTimer: NodeJS.Timeout | undefined;
  let flushDueAt = Infinity;
  let countsTold = '';
  let countsToldAt = -Infinity;
  let open = 0;
  let closed = false;
  let turn: Promise<void> = Promise.resolve();

  /** Flushes and openings ask the store, and go one after the other. */
  const inTurn = (work: () => Promise<void>, failed: (error: unknown) => void): void => {
    turn = turn.then(work).catch(failed);
  };

  const cutAll = (error: unknown): void => {
    logger.warn('event streams cut off: the store does not answer', { streams: readers.all().length, error });
    readers.all().forEach((reader) => reader.cut());
  };

  const flushWithin = (ms: number): void => {
    const dueAt = performance.now() + ms;
    if (dueAt >= flushDueAt || closed) return;
    clearTimeout(flushTimer);
    flushDueAt = dueAt;
    flushTimer = setTimeout(() => inTurn(flush, cutAll), ms);
  };

  const countsNow = async (): Promise<string> => JSON.stringify(await store.counts());

  /** Counts go with the changes that made them, at most once a second. */
  const countsEvent = async (): Promise<StreamEvent | undefined> => {
    if (!countsChanged || readers.ofAll.size === 0) return undefined;
    const early = countsToldAt + COUNTS_INTERVAL_MS - flushedAt;
    if (early > 0) {
      flushWithin(early);
      return undefined;
    }
    countsChanged = false;
    const data = await countsNow();
    if (data === countsTold) return undefined;
    countsTold = data;
    countsToldAt = flushedAt;
    return { event: 'counts', data };
  };

  const flush = async (): Promise<void> => {
    clearTimeout(flushTimer);
    flushDueAt = Infinity;
    flushedAt = performance.now();
    const position = changes.position();
    const orderIds = [...changed];
    changed = new Set();
    const entries = await store.getMany(orderIds);
    const counts = await countsEvent();
    let [events, characters]: [StreamEvent[], number] = [[], 0];
    for (const orderId of orderIds) {
      const event = orderEvent(entries.get(orderId));
      if (event === undefined) continue;
      if (characters + event.data.length > PART_CHARACTERS && characters > 0) {
        readers.tell(readers.ofAll, textOf(events, toldTo, toldTo));
        [events, characters] = [[], 0];
      }
      if (readers.ofAll.size > 0) events.push(event);
      characters += event.data.length;
      if (readers.of(orderId).size > 0) readers.tell(readers.of(orderId), textOf([event], position, position));
    }
    if (counts !== undefined) events.push(counts);
    if (readers.ofAll.size > 0 && events.length > 0) readers.tell(readers.ofAll, textOf(events, toldTo, position));
    toldTo = position;
  };

  changes.onChange((orderId) => {
    if (readers.ofAll.size === 0 && readers.of(orderId).size === 0) return;
    if (changed.size === 0) flushWithin(Math.max(0, flushedAt + FLUSH_INTERVAL_MS - performance.now()));
    changed.add(orderId);
    countsChanged = true;
  });

  // They come back with the id of the last event that they have, and hear that it is too long ago to go on from.
  changes.onGap(() => {
    if (readers.all().length > 0) logger.warn('event streams cut off: changes were missed', { streams: readers.all().length });
    readers.all().forEach((reader) => reader.cut());
  });

  /** @returns undefined when what changed since is not known, or too much */
  const replay = async (lastEventId: string): Promise<StreamEvent[] | undefined> => {
    const changedSince = await changes.since(lastEventId);
    if (changedSince === undefined) return undefined;
    const orderIds = [...changedSince];
    const events: StreamEvent[] = [];
    let characters = 0;
    for (let from = 0; from < orderIds.length; from += REPLAY_PART) {
      for (const entry of (await store.getMany(orderIds.slice(from, from + REPLAY_PART))).values()) {
        const event = orderEvent(entry);
        if (event === undefined) continue;
        events.push(event);
        characters += event.data.length;
        if (characters > REPLAY_MAX_CHARACTERS) return undefined;
      }
    }
    return events;
  };

  const firstEvents = async ({ orderId, lastEventId }: Asked): Promise<string> => {
    const position = changes.position();
    const missed = lastEventId === undefined ? undefined : await replay(lastEventId);
    const events: StreamEvent[] = [{ event: 'sync', data: JSON.stringify({ resumed: missed !== undefined }) }];
    if (orderId === undefined) {
      const counts = await countsNow();
      if (readers.ofAll.size === 1) countsTold = counts;
      events.push(...missed ?? [], { event: 'counts', data: counts });
    } else {
      const event = orderEvent((await store.getMany([orderId])).get(orderId));
      if (event !== undefined) events.push(event);
    }
    return textOf(events, missed === undefined ? position : lastEventId!, position);
  };

  const heartbeat = setInterval(() => readers.tell(readers.all(), HEARTBEAT), HEARTBEAT_MS).unref();

  return {
    /**
     * Begins to tell of one order, which is shown, or of all of them, once the store has answered; the reader is cut off if it does not.
     * @returns what ends the telling; undefined when there can be no more streams
     */
    open: (reader: Reader, asked: Asked): (() => void) | undefined => {
      if (open === STREAMS_MAX || closed) return undefined;
      const { orderId } = asked;
      let closedByReader = false;
      open += 1;
      const begin = async (): Promise<void> => {
        if (closedByReader) return;
        if (closed) {
          reader.end();
          return;
        }
        // From here on what changes is told to it, behind what it begins with.
        readers.add(reader, orderId);
        const first = RETRY + await firstEvents(asked);
        if (!closedByReader && !closed) reader.write(Buffer.from(first));
      };
      // Whoever is here already hears what is still to be told, so that this one begins with nothing left over.
      inTurn(flush, cutAll);
      inTurn(begin, (error) => {
        logger.warn('event stream not begun: the store does not answer', { error });
        reader.cut();
      });
      return () => {
        if (closedByReader) return;
        closedByReader = true;
        open -= 1;
        readers.delete(reader, orderId);
      };
    },
    /** How many are open. */
    size: (): number => open,
    /** Ends all streams; there will be no more. */
    close: (): void => {
      closed = true;
      clearInterval(heartbeat);
      clearTimeout(flushTimer);
      readers.close();
    },
  };
};
