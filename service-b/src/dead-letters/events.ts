import type { Logger } from '../utils/logger';
import type { Redrive } from './redrives';

/** A connection on which somebody reads events. */
export type Reader = {
  write: (text: string) => void;
  /** Bytes that were written and not taken yet. */
  waiting: () => number;
  end: () => void;
  /** Ends it without what is still waiting. */
  cut: () => void;
};

export const STREAMS_MAX = 100;
const FLUSH_MS = 250;
const HEARTBEAT_MS = 15_000;
/** A reader that has more than this waiting is cut off: it may come back, and begins with how things are. */
const WAITING_MAX_BYTES = 262_144;

const format = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

const isOver = ({ state, pending }: Redrive): boolean => state !== 'running' && pending === 0;

export type Events = ReturnType<typeof createEvents>;

/** Tells readers what changes, as server-sent events: at once after a rest, then at most four times a second. */
export const createEvents = ({ counts, redrives, logger }: {
  /** How many dead letters there are now. */
  counts: () => object;
  /** Those that may still move. */
  redrives: () => Redrive[];
  logger: Logger;
}) => {
  /** With the redrive that each listens to, if it is one alone. */
  const readers = new Map<Reader, string | undefined>();
  let moved = new Map<string, Redrive>();
  let countsChanged = false;
  let timer: NodeJS.Timeout | undefined;
  let flushedAt = -Infinity;
  let closed = false;

  const tell = (reader: Reader, text: string): void => {
    if (text === '') return;
    if (reader.waiting() <= WAITING_MAX_BYTES) {
      reader.write(text);
      return;
    }
    logger.info('event stream cut off: its reader is too slow', { waitingBytes: reader.waiting() });
    reader.cut();
  };

  const tellOfOne = (reader: Reader, redrive: Redrive): void => {
    tell(reader, format('redrive', redrive));
    if (!isOver(redrive)) return;
    readers.delete(reader);
    reader.end();
  };

  const flush = (): void => {
    timer = undefined;
    flushedAt = performance.now();
    const events = [...moved.values()];
    const text = (countsChanged ? format('change', counts()) : '') + events.map((redrive) => format('redrive', redrive)).join('');
    countsChanged = false;
    moved = new Map();
    for (const [reader, id] of [...readers]) {
      if (id === undefined) tell(reader, text);
      else for (const redrive of events) if (redrive.id === id) tellOfOne(reader, redrive);
    }
  };

  const flushSoon = (): void => {
    if (readers.size > 0 && !closed) timer ??= setTimeout(flush, Math.max(0, flushedAt + FLUSH_MS - performance.now()));
  };

  const heartbeat = setInterval(() => {
    for (const reader of [...readers.keys()]) tell(reader, ': heartbeat\n\n');
  }, HEARTBEAT_MS).unref();

  return {
    /**
     * Begins with how things are.
     * @param of one redrive alone; its stream ends when it is over
     * @returns what ends the telling; undefined when there can be no more streams
     */
    open: (reader: Reader, of?: Redrive): (() => void) | undefined => {
      if (readers.size >= STREAMS_MAX || closed) return undefined;
      readers.set(reader, of?.id);
      reader.write('retry: 1000\n\n');
      if (of === undefined) tell(reader, format('change', counts()) + redrives().map((redrive) => format('redrive', redrive)).join(''));
      else tellOfOne(reader, of);
      return () => void readers.delete(reader);
    },
    changed: (): void => {
      countsChanged = true;
      flushSoon();
    },
    moved: (redrive: Redrive): void => {
      moved.set(redrive.id, redrive);
      flushSoon();
    },
    size: (): number => readers.size,
    /** Ends all streams; there will be no more. */
    close: (): void => {
      closed = true;
      clearInterval(heartbeat);
      clearTimeout(timer);
      for (const reader of readers.keys()) {
        if (reader.waiting() > 0) reader.cut();
        else reader.end();
      }
      readers.clear();
    },
  };
};
