import type { Admin } from 'kafkajs';
import { toEndOfLog } from './kafkajs-ends-patch';

/** How far one partition was read. */
export type Cursor = {
  topic: string;
  partition: number;
  /** First offset of the log when reading began. */
  start: bigint;
  /** Next offset to handle. */
  next: bigint;
  /** The end of the log when reading began, which is to be reached before the state counts as rebuilt. */
  end: bigint;
};

export type Cursors = ReturnType<typeof createCursors>;

/**
 * Where reading stands in each partition of the topics. It is this process's own knowledge: the state lives here, so after a rebalance or a
 * reconnect it goes on from here.
 */
export const createCursors = (topics: readonly string[]) => {
  const cursors = new Map<string, Cursor>();
  let behind: Set<Cursor> | undefined;

  const of = (topic: string, partition: number): Cursor => {
    const id = `${topic}/${partition}`;
    let cursor = cursors.get(id);
    if (cursor === undefined) cursors.set(id, cursor = { topic, partition, start: 0n, next: 0n, end: 0n });
    return cursor;
  };

  return {
    of,
    /** Asks where the log begins and ends now: there reading starts, and there it has caught up. */
    learnEnds: async (admin: Pick<Admin, 'fetchTopicOffsets'>): Promise<void> => {
      for (const topic of topics) {
        for (const { partition, low, high } of await toEndOfLog(() => admin.fetchTopicOffsets(topic))) {
          Object.assign(of(topic, partition), { start: BigInt(low), next: BigInt(low), end: BigInt(high) });
        }
      }
      behind = new Set([...cursors.values()].filter(({ next, end }) => next < end));
    },
    /** Passes what was deleted in front of the cursors: nobody is told of it when nothing is left behind it. */
    passDeleted: async (admin: Pick<Admin, 'fetchTopicOffsets'>, mayPass: (cursor: Cursor) => boolean): Promise<void> => {
      for (const topic of new Set([...behind ?? []].map((cursor) => cursor.topic))) {
        for (const { partition, low } of await admin.fetchTopicOffsets(topic)) {
          const cursor = of(topic, partition);
          if (BigInt(low) <= cursor.next || !mayPass(cursor)) continue;
          cursor.next = BigInt(low);
          if (cursor.next >= cursor.end) behind?.delete(cursor);
        }
      }
    },
    /** @returns whether the end was reached with it */
    advance: (cursor: Cursor, next: bigint): boolean => {
      cursor.next = next;
      return next >= cursor.end && behind?.delete(cursor) === true;
    },
    /** Partitions whose end is not reached; undefined until the ends are known. */
    behind: (): ReadonlySet<Cursor> | undefined => behind,
    /** Topic by topic, and by number within each, so that every instance has them in the same order. */
    all: (): Readonly<Cursor>[] => [...cursors.values()].sort((one, other) =>
      topics.indexOf(one.topic) - topics.indexOf(other.topic) || one.partition - other.partition),
  };
};
