import type { KafkaMessage } from 'kafkajs';

/** Records of one partition, in the order of its log, each with the time at which its turn comes. */
type Batch = { messages: KafkaMessage[]; times: Float64Array; at: number; end: bigint };

type Lane = { batches: Batch[]; time: number };

/** Records that follow each other in one partition; `next` is the offset behind the last of them. */
export type Run<P> = { partition: P; messages: KafkaMessage[]; next: bigint };

/**
 * Turns of a batch's records, in milliseconds. A record without a timestamp has that of the one before it, and none comes later than one
 * behind it: a single clock that is wrong holds up nothing.
 */
const turnsOf = (messages: KafkaMessage[], before: number): Float64Array => {
  const times = new Float64Array(messages.length);
  let last = before;
  messages.forEach(({ timestamp }, i) => {
    const time = Number(timestamp);
    last = times[i] = time > 0 ? time : last;
  });
  for (let i = times.length - 2; i >= 0; i -= 1) times[i] = Math.min(times[i]!, times[i + 1]!);
  return times;
};

export type TimeOrder<P> = ReturnType<typeof createTimeOrder<P>>;

/** Puts the records of several partitions in the order of their timestamps; what it holds are batches whose turn has not come. */
export const createTimeOrder = <P>() => {
  const lanes = new Map<P, Lane>();

  const laneOf = (partition: P): Lane => {
    let lane = lanes.get(partition);
    if (lane === undefined) lanes.set(partition, lane = { batches: [], time: 0 });
    return lane;
  };

  /** Time of the next record of a lane that is not empty. */
  const turnOf = ({ batches: [batch] }: Lane): number => batch!.times[batch!.at]!;

  /** Takes records before one time and up to another. */
  const takeFrom = (partition: P, lane: Lane, before: number, until: number, max: number): Run<P> => {
    const batch = lane.batches[0]!;
    const { messages, times, at } = batch;
    let to = at + 1;
    while (to < messages.length && to < at + max && times[to]! < before && times[to]! <= until) to += 1;
    lane.time = times[to - 1]!;
    batch.at = to;
    const isWhole = to === messages.length;
    if (isWhole) lane.batches.shift();
    return { partition, messages: messages.slice(at, to), next: isWhole ? batch.end : BigInt(messages[to - 1]!.offset) + 1n };
  };

  return {
    /** Adds a batch that is not empty; `end` is the offset behind it. */
    add: (partition: P, messages: KafkaMessage[], end: bigint): void => {
      const lane = laneOf(partition);
      const before = lane.batches.at(-1)?.times.at(-1) ?? lane.time;
      lane.batches.push({ messages, times: turnsOf(messages, before), at: 0, end });
    },
    /** Moves the end of the last batch of a partition, behind which nothing to handle follows. @returns false when none waits */
    extend: (partition: P, end: bigint): boolean => {
      const last = lanes.get(partition)?.batches.at(-1);
      if (last !== undefined) last.end = end;
      return last !== undefined;
    },
    /**
     * Takes the records whose turn it is, at most `max` of them.
     * @param awaited partitions that are known to have more: while one of these has nothing here, it is nobody's turn
     */
    take: (awaited: Iterable<P>, max: number): Run<P> | undefined => {
      for (const partition of awaited) if (laneOf(partition).batches.length === 0) return undefined;
      // Of those with equal times the lane that was there first goes first: `before` is of the lanes before it, `until` of those after it.
      let first: P | undefined;
      let [turn, before, until] = [Infinity, Infinity, Infinity];
      for (const [partition, lane] of lanes) {
        if (lane.batches.length === 0) continue;
        const time = turnOf(lane);
        if (first === undefined || time < turn) [first, turn, before, until] = [partition, time, turn, Infinity];
        else until = Math.min(until, time);
      }
      return first === undefined ? undefined : takeFrom(first, laneOf(first), before, until, max);
    },
    /** Batches of a partition that are waiting. */
    waiting: (partition: P): number => lanes.get(partition)?.batches.length ?? 0,
    clear: (): void => lanes.clear(),
  };
};
