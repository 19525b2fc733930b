import type { HandleRecord, LogReader, LogRecord, Range } from '../kafka/log-reader';
import type { Position } from './command';

export type Log = ReturnType<typeof createLog>;

/** The topics, as the commands read them; everything read ends with the reason of `signal` once that aborts. */
export const createLog = ({ reader: { rangesOf, read }, progress, signal }: {
  reader: Pick<LogReader, 'rangesOf' | 'read'>;
  progress: (text: string) => void;
  signal: AbortSignal;
}) => ({
  rangesOf,
  /** The range of one position. */
  rangeAt: async (topic: string, { partition, offset }: Position): Promise<Range> => {
    const held = (await rangesOf(topic)).some((range) => range.partition === partition && range.from <= offset && offset < range.to);
    if (!held) throw new Error(`there is nothing at ${partition}:${offset} of ${topic}`);
    return { topic, partition, from: offset, to: offset + 1n };
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
