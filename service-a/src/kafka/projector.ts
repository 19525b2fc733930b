import { nextTick } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { BATCH_MAX, type ApplyBatch, type StartPartition } from '../processors/tables';
import type { Logger } from '../utils/logger';
import { coPartitioned } from './assigner';
import { fetchedFrom } from './fetched';
import { createLagCommits } from './lag-commits';
import { createLocate } from './locate';
import { createPlaces, holdBack, keepPace, readFrom, type Place } from './places';
import type { Facts } from './read-facts';
import { consumerSettings, superviseConsumer, type Life } from './supervise';
import { createTurns, whileBeating } from './turns';
import { untilKnown } from './until-known';

const MAX_PARTITIONS = 64;
/** What a transaction under way may take when the process stops. */
const STOP_GRACE_MS = 700;
/** The rest before the next fetch: longer under load, which fills the next batch, and with it the next transaction. */
const REST = { busyRecords: 8, busyMs: 30, shortMs: 5 };

/**
 * Of fetches at one pace. They are small, so that nobody gets far ahead; a broker whose partitions are all held back is asked again after
 * this time. A batch that is larger is still given by the broker to whoever is asked for first: in the end that is who is behind.
 */
const PACED = { maxBytesPerPartition: 131_072, maxWaitTimeInMs: 20 };

const NOTHING: Facts = { count: 0, facts: [], applied: () => undefined };

/** `overtaken`: nothing was applied, and the tables are at `next`, or do not know the partition. */
type Answer = { kind: 'applied' } | { kind: 'overtaken'; next: bigint | undefined } | undefined;

/** The consumer of the moment, and how to ask anew where partitions are to be read. */
type Reading = { consumer: Consumer; find: (places: Place[]) => void };

export type Projector = ReturnType<typeof createProjector>;

/**
 * Applies the topics to the tables, sharing the partitions with the other replicas. Where to read is what the tables say, and a batch moves
 * that in its own transaction, by compare-and-set: whoever goes on with a partition that is another one's by now changes nothing, and hears
 * where the tables are. Kafka's own commits are for lag tools to see.
 */
export const createProjector = ({ kafka, groupId, topics, tables, readFacts, paced = false, onJoin, onRestart, logger }: {
  kafka: Kafka;
  groupId: string;
  topics: string[];
  tables: { applyBatch: ApplyBatch; startPartition: StartPartition };
  readFacts: (topic: string, partition: number, messages: readonly KafkaMessage[]) => Facts;
  /** Reads as fast as the tables take it, all partitions at one time of the log, up to where it ends at first. */
  paced?: boolean;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  const places = createPlaces();
  const turns = createTurns({ logger });
  const locate = createLocate({ kafka, startPartition: tables.startPartition, turns, logger });
  const gaveUp = new AbortController();
  let stopping = false;

  /** Ends the process: what is no fault of the broker or the database is a defect, and with it every try would be the same. */
  const fail = (error: unknown): void => nextTick(() => {
    throw error;
  });

  const read = (...records: Parameters<typeof readFacts>): Facts => {
    try {
      return readFacts(...records);
    } catch (error) {
      // Thrown here alone, KafkaJS would fetch the record again, for ever.
      fail(error);
      throw error;
    }
  };

  /** Moves the tables to `to`. @returns undefined when that was not done, and is not this member's to do any more */
  const apply = (place: Place, to: bigint, { facts, applied }: Facts, isOver: () => boolean): Promise<Answer> => {
    const { topic, partition, read } = place;
    const answer = turns.take(async (): Promise<Answer> => {
      // A batch before this one, of which nobody waited for the end, came this far.
      if (place.next > read) return { kind: 'overtaken', next: place.next };
      const result = await tables.applyBatch({ topic, partition, from: place.next.toString(), to: to.toString(), facts });
      const next = result.kind === 'applied' ? to.toString() : result.next;
      if (next !== to.toString()) return { kind: 'overtaken', next: next === undefined ? undefined : BigInt(next) };
      // Also where an earlier try, of which nothing was heard, came through.
      place.next = to;
      applied(result.kind === 'applied' ? result.changed : []);
      return { kind: 'applied' };
    }, isOver);
    answer.catch(fail);
    return answer;
  };

  /** Reads on where the tables are. */
  const follow = ({ consumer, find }: Reading, place: Place, next: bigint | undefined): void => {
    const { topic, partition, read } = place;
    logger.info('overtaken in a partition, going on where the tables are', { topic, partition, offset: next, before: read });
    if (next === undefined) find([place]);
    else readFrom(consumer, place, next);
  };

  const eachBatch = (reading: Reading, { ended }: Life) => async (payload: EachBatchPayload): Promise<void> => {
    const { batch, heartbeat, resolveOffset, isRunning, isStale } = payload;
    const { topic, partition, messages } = batch;
    const place = places.of(topic, partition);
    if (place?.known !== true) return;
    let done = false;
    const isOver = (): boolean => done || stopping || ended.aborted || !isRunning() || isStale() || !places.has(place);
    if (isOver()) return;
    // KafkaJS goes on elsewhere when the log was cut off in front of it or is another one: the tables and the broker say what to do.
    if (fetchedFrom(batch) !== place.read) return void reading.find([place]);
    try {
      for (let at = 0; at < messages.length && !isOver();) {
        const facts = read(topic, partition, messages.slice(at, at + BATCH_MAX));
        if (facts.needs !== undefined && facts.count === 0) {
          await untilKnown(facts.needs, messages.slice(at), isOver, heartbeat);
          continue;
        }
        at += facts.count;
        const to = BigInt(at === messages.length ? batch.lastOffset() : messages[at - 1]!.offset) + 1n;
        const answer = await whileBeating(apply(place, to, facts, isOver), heartbeat, gaveUp.signal);
        if (answer === undefined || isOver()) return;
        if (answer.kind === 'overtaken') return void follow(reading, place, answer.next);
        Object.assign(place, { read: to, time: Number(messages[at - 1]!.timestamp), end: place.end || BigInt(batch.highWatermark) });
        resolveOffset((to - 1n).toString());
        await heartbeat();
      }
    } finally {
      done = true;
    }
    if (paced) keepPace(reading.consumer, places.known());
    else await sleep(messages.length >= REST.busyRecords ? REST.busyMs : REST.shortMs);
  };

  const begin = async (life: Life): Promise<void> => {
    const { consumer, ended, on } = life;
    const isGone = (place: Place): boolean => stopping || ended.aborted || !places.has(place);
    const find = (wanted: Place[]): void => {
      for (const place of wanted) holdBack(consumer, place);
      locate(wanted, isGone, (place, offset) => readFrom(consumer, place, offset)).catch(fail);
    };
    const reading = { consumer, find };
    // Emitted before the first fetch of the new generation, so nothing is read of it before the tables were asked.
    on(consumer.events.GROUP_JOIN, ({ payload }) => find(places.assign(payload.memberAssignment)));
    // A batch with nothing to hand over, such as the marks of transactions, is told by this event alone.
    on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      const place = places.of(topic, partition);
      if (batchSize !== 0 || place?.known !== true) return;
      const end = place.read = BigInt(lastOffset) + 1n;
      if (paced) keepPace(consumer, places.known());
      const isPassed = (): boolean => isGone(place) || place.next >= end;
      apply(place, end, NOTHING, isPassed).then((answer) => {
        if (answer?.kind === 'overtaken' && !isGone(place)) follow(reading, place, answer.next);
      }, () => undefined);
    });
    await consumer.connect();
    ended.throwIfAborted();
    await consumer.subscribe({ topics, fromBeginning: true });
    ended.throwIfAborted();
    await consumer.run({
      autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: MAX_PARTITIONS, eachBatch: eachBatch(reading, life),
    });
  };

  const supervised = superviseConsumer({
    create: () => kafka.consumer({
      groupId,
      partitionAssigners: [coPartitioned],
      ...consumerSettings,
      ...(paced && PACED),
    }),
    begin,
    onJoin,
    onRestart,
    logger,
  });

  const commits = createLagCommits({ member: supervised.member, positions: places.known, logger });

  return {
    start: (): void => {
      supervised.start();
      commits.start();
    },
    /** Ends the transaction that is under way, if that does not take long, and leaves the group. */
    stop: async (): Promise<void> => {
      stopping = true;
      await Promise.race([turns.halt(), sleep(STOP_GRACE_MS)]);
      gaveUp.abort();
      await commits.stop();
      await supervised.stop();
    },
    /** Joined, and in touch with the broker. */
    healthy: supervised.healthy,
  };
};
