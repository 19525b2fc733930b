import type { Consumer } from 'kafkajs';

/** Where reading stands in a partition, for as long as this member has it. */
export type Place = {
  readonly topic: string;
  readonly partition: number;
  /** Next offset of the tables, as this member knows it. It moves with the transactions. */
  next: bigint;
  /** Where the next fetch begins. In front of it are, from `next` on, only offsets that hold nothing to apply. */
  read: bigint;
  /** Of the last record that was read, in milliseconds since 1970. */
  time: number;
  /** Where the log ended when the first one was fetched. */
  end: bigint;
  /** Whether the tables were asked. Until then the partition is paused. */
  known: boolean;
};

export type Places = ReturnType<typeof createPlaces>;

/** The partitions of this member. With each join they begin anew: whoever had one meanwhile may have gone on with it. */
export const createPlaces = () => {
  let places = new Map<string, Place>();
  const keyOf = ({ topic, partition }: { topic: string; partition: number }): string => `${topic}/${partition}`;
  return {
    of: (topic: string, partition: number): Place | undefined => places.get(keyOf({ topic, partition })),
    /** Whether it is of the present assignment. */
    has: (place: Place): boolean => places.get(keyOf(place)) === place,
    assign: (assignment: Readonly<Record<string, readonly number[]>>): Place[] => {
      const assigned = Object.entries(assignment)
        .flatMap(([topic, partitions]) => partitions.map((partition): Place =>
          ({ topic, partition, next: 0n, read: 0n, time: 0, end: 0n, known: false })));
      places = new Map(assigned.map((place) => [keyOf(place), place]));
      return assigned;
    },
    /** Those whose position is known. */
    known: (): Place[] => [...places.values()].filter(({ known }) => known),
  };
};

/** Holds a partition back until it is known where to read it from. */
export const holdBack = (consumer: Consumer, place: Place): void => {
  place.known = false;
  consumer.pause([{ topic: place.topic, partitions: [place.partition] }]);
};

/**
 * Keeps partitions at one time of the log, so that an order and its outcome are read together: who is ahead of one that has not come to its
 * end is held back until that one has come as far. What was appended since is read as it comes. A wrong clock costs this its use, and holds
 * up nothing for good.
 */
export const keepPace = (consumer: Consumer, places: readonly Place[]): void => {
  const slowest = Math.min(...places.filter(({ read, end }) => read < end).map(({ time }) => time));
  for (const { topic, partition, time } of places) {
    const one = [{ topic, partitions: [partition] }];
    if (time > slowest) consumer.pause(one);
    else consumer.resume(one);
  }
};

/** Reads a partition from an offset on. */
export const readFrom = (consumer: Consumer, place: Place, offset: bigint): void => {
  const { topic, partition } = place;
  Object.assign(place, { next: offset, read: offset, known: true });
  consumer.seek({ topic, partition, offset: offset.toString() });
  consumer.resume([{ topic, partitions: [partition] }]);
};
