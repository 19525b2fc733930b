import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import type { StartPartition } from '../processors/tables';
import type { Logger } from '../utils/logger';
import { askEnds, type LogEnds } from './log-ends';
import type { Place } from './places';
import type { Turns } from './turns';

const RETRY_MS = 500;

/**
 * Finds where to read partitions from: where the tables are, if the log is there. A log that was cut off behind the tables, or ends in
 * front of them because it is another one, is the tables' to deal with, who are told of its ends.
 */
export const createLocate = ({ kafka, startPartition, turns, logger }: {
  kafka: Pick<Kafka, 'admin'>;
  startPartition: StartPartition;
  turns: Turns;
  logger: Logger;
}) => {
  const endsOf = async (topics: readonly string[], isOver: () => boolean): Promise<LogEnds[]> => {
    for (;;) {
      try {
        return await askEnds(kafka, topics);
      } catch (error) {
        if (isOver()) return [];
        logger.warn('cannot read the ends of the topics, trying again', { error });
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  };

  const endOf = (ends: readonly LogEnds[], { topic, partition }: Place): LogEnds | undefined =>
    ends.find((one) => one.topic === topic && one.partition === partition);

  /** @returns undefined when it was over before there was an answer */
  const startOf = async (place: Place, ends: LogEnds, isOver: () => boolean): Promise<bigint | undefined> => {
    const { topic, partition } = place;
    const ask = async (high?: bigint): Promise<bigint | undefined> => {
      const start = { topic, partition, low: ends.low.toString(), ...(high !== undefined && { high: high.toString() }) };
      const next = await turns.take(() => startPartition(start), isOver);
      return next === undefined ? undefined : BigInt(next);
    };
    const next = await ask();
    if (next === undefined || next <= ends.high) return next;
    // The end is from before: whoever else reads this partition may have come further since.
    const now = endOf(await endsOf([topic], isOver), place);
    return now === undefined || next <= now.high ? next : ask(now.high);
  };

  /**
   * @param found is told of each place in turn
   * @throws what neither an absent broker nor an absent database explains
   */
  return async (
    places: readonly Place[], isGone: (place: Place) => boolean, found: (place: Place, offset: bigint) => void,
  ): Promise<void> => {
    const ends = await endsOf([...new Set(places.map(({ topic }) => topic))], () => places.every(isGone));
    for (const place of places) {
      const offset = await startOf(place, endOf(ends, place) ?? { ...place, low: 0n, high: 0n }, () => isGone(place));
      if (offset !== undefined && !isGone(place)) found(place, offset);
    }
  };
};
