import type { Logger } from '../utils/logger';

/** A connection on which somebody reads events. */
export type Reader = {
  write: (chunk: Buffer) => void;
  /** Bytes that were written and not taken yet. */
  waiting: () => number;
  end: () => void;
  /** Ends it without what is still waiting. */
  cut: () => void;
};

/** A reader that has more than this waiting is cut off: it may come back and resume. */
export const WAITING_MAX_BYTES = 1_048_576;

const NOBODY: ReadonlySet<Reader> = new Set();

/** Those who listen: to one order, or to all of them. */
export const createReaders = (logger: Logger) => {
  const ofAll = new Set<Reader>();
  const ofOrder = new Map<string, Set<Reader>>();

  const all = (): Reader[] => [ofAll, ...ofOrder.values()].flatMap((readers) => [...readers]);

  return {
    ofAll: ofAll as ReadonlySet<Reader>,
    of: (orderId: string): ReadonlySet<Reader> => ofOrder.get(orderId) ?? NOBODY,
    add: (reader: Reader, orderId: string | undefined): void => {
      if (orderId === undefined) ofAll.add(reader);
      else ofOrder.set(orderId, (ofOrder.get(orderId) ?? new Set()).add(reader));
    },
    delete: (reader: Reader, orderId: string | undefined): void => {
      if (orderId === undefined) {
        ofAll.delete(reader);
        return;
      }
      const those = ofOrder.get(orderId);
      those?.delete(reader);
      if (those?.size === 0) ofOrder.delete(orderId);
    },
    tell: (readers: Iterable<Reader>, text: string): void => {
      const chunk = Buffer.from(text);
      for (const reader of readers) {
        if (reader.waiting() <= WAITING_MAX_BYTES) {
          reader.write(chunk);
        } else {
          logger.info('event stream cut off: its reader is too slow', { waitingBytes: reader.waiting() });
          reader.cut();
        }
      }
    },
    all,
    close: (): void => {
      for (const reader of all()) {
        // What is still waiting might never be taken; what it was can be had again.
        if (reader.waiting() > 0) reader.cut();
        else reader.end();
      }
      ofAll.clear();
      ofOrder.clear();
    },
  };
};
