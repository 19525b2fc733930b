import type { HandleRecord, LogReader, LogRecord, Range } from '../kafka/log-reader';
import { pause } from '../utils/when-aborted';
import type { Position } from './command';

/** service-b commits some times a second, but nothing behind an order that is still being retried. */
const COMMIT = { waitMs: 10_000, pollMs: 1_000 };

/** There is no record at a position, or not any more. */
export class NothingThereError extends Error {
  override readonly name = 'NothingThereError';
}

export type Log = ReturnType<typeof createLog>;

/** The topics, as the commands read them; everything read ends with the reason of `signal` once that aborts. */
export const createLog = ({ reader: { rangesOf, uncommittedOf, read }, progress, signal }: {
  reader: Pick<LogReader, 'rangesOf' | 'uncommittedOf' | 'read'>;
  progress: (text: string) => void;
  signal: AbortSignal;
}) => ({
  rangesOf,
  /** Of each partition what the positions lie in, from the first to the last of them. @throws NothingThereError */
  rangesAt: async (topic: string, positions: Position[]): Promise<Range[]> => {
    const held = await rangesOf(topic);
    const found = new Map<number, Range>();
    for (const { partition, offset } of positions) {
      const isThere = held.some((range) => range.partition === partition && range.from <= offset && offset < range.to);
      if (!isThere) throw new NothingThereError(`there is nothing at ${partition}:${offset} of ${topic}`);
      const { from, to } = found.get(partition) ?? { from: offset, to: offset };
      found.set(partition, { topic, partition, from: offset < from ? offset : from, to: offset >= to ? offset + 1n : to });
    }
    return [...found.values()];
  },
  /** What service-b can still come to read of a topic; waits for a while as long as that holds something that somebody `waitsFor`. */
  uncommittedOf: async (topic: string, waitsFor: (ranges: Range[]) => boolean): Promise<Range[]> => {
    const end = Date.now() + COMMIT.waitMs;
    for (;;) {
      const ranges = await uncommittedOf(topic);
      if (Date.now() >= end || !waitsFor(ranges)) return ranges;
      progress(`waiting for service-b to commit ${topic}`);
      await pause(COMMIT.pollMs, signal);
    }
  },
  read: (ranges: Range[], handle: HandleRecord): Promise<void> => read(ranges, handle, signal),
  /** Reads, and says how far it is. */
  scan: (ranges: Range[], handle: (record: LogRecord) => void): Promise<void> => {
    const topics = [...new Set(ranges.map(({ topic }) => topic))].join(', ');
    const total = ranges.reduce((sum, { from, to }) => sum + Number(to - from), 0);
    let done = 0;
    return read(ranges, (record) => {
      done += 1;
      if (done % 500 === 0) progress(`reading ${topics}: ${done} of ${total}`);
      handle(record);
    }, signal);
  },
});
