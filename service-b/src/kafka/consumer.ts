import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf } from '../utils/tracing';
import { createClaims, type Claim } from './claims';
import { createCommits } from './commits';
import type { ConsumedRecord } from './consumed-record';
import { fetchedFrom } from './fetched';
import { logNumberOf } from './kafkajs-group-patches';
import { createKeyQueue } from './key-queue';
import { messageBytes } from './message-bytes';
import { consumerSettings, superviseConsumer, type Life } from './supervise';

/** Resolves once the record's outcome is published; rejects only when `signal` aborts. */
export type ProcessRecord = (record: ConsumedRecord, signal: AbortSignal) => Promise<void>;

const DRAIN_TIMEOUT_MS = 3_000;
/** What comes while it stops is not taken in, and not asked for as fast as it can be. */
const STOPPING_REST_MS = 250;
/** Per partition. One order in backoff (some seconds at most) must not fill the window at some thousand records a second. */
const WINDOW_RECORDS = 10_000;

/** A batch of at least `records` means load: then a short rest before the next fetch fills it. Below it, nothing is delayed. */
const BUSY = { records: 8, restMs: 30 };

export type OrderConsumer = ReturnType<typeof createOrderConsumer>;

/**
 * Consumes `topic`: records of one key in order, keys side by side, fetching on while single records take their time. Offsets are
 * committed by one timer, and only up to the highest gap-free record whose outcome is published. Where it reads is decided here, not by
 * KafkaJS: a position moves when a record is taken in, or when the end of a batch says that nothing more was in it.
 */
export const createOrderConsumer = ({ kafka, topic, groupId, process, windowRecords = WINDOW_RECORDS, onJoin, onRestart, logger }: {
  kafka: Kafka;
  topic: string;
  groupId: string;
  process: ProcessRecord;
  /** So many records of a partition may be under way. */
  windowRecords?: number;
  /** As of `superviseConsumer`. */
  onJoin: () => void;
  onRestart: () => void;
  logger: Logger;
}) => {
  const claims = createClaims(windowRecords);
  const keys = createKeyQueue();
  let stopping = false;

  /** Gives everything up: whoever is next begins at what is committed. */
  const release = (reason: string): void => {
    claims.releaseAll(new Error(reason));
    commits.forget();
  };

  const resumeWhenRoomy = (claim: Claim): void => {
    if (!claim.paused || claim.ended.signal.aborted || !claim.window.roomy()) return;
    claim.paused = false;
    try {
      supervised.member()?.resume([{ topic, partitions: [claim.partition] }]);
    } catch {
      // It has no group any more: its successor begins with nothing paused.
    }
  };

  const take = (claim: Claim, record: ConsumedRecord): void => {
    const { partition, message } = record;
    const { signal } = claim.ended;
    const slot = claim.window.add(BigInt(message.offset), messageBytes(message));
    keys.run(message.key?.toString('latin1'), async () => {
      if (signal.aborted) return;
      try {
        await process(record, signal);
        claim.window.finish(slot);
        resumeWhenRoomy(claim);
      } catch (error) {
        if (!signal.aborted) {
          // Nothing may pass by a record without an outcome: the offset stays uncommitted, and the whole consumer starts anew.
          const traceId = traceIdOf(traceOf(message.headers));
          logger.error('record has no outcome, consuming it again', { topic, partition, offset: message.offset, traceId, error });
          supervised.restart(error);
        }
      }
    });
  };

  /** Takes in what there is room for. A full window stops its own partition, and no other one. @returns whether all was taken */
  const takeAll = (claim: Claim, messages: readonly KafkaMessage[], consumer: Consumer): boolean => {
    const { partition, window } = claim;
    for (const message of messages) {
      if (window.full()) {
        claim.paused = true;
        consumer.pause([{ topic, partitions: [partition] }]);
        return false;
      }
      take(claim, { topic, partition, message });
    }
    return true;
  };

  /**
   * A batch need not begin where the partition was read to. Retention cut the log off in front of it, or the topic was made anew: then
   * KafkaJS goes on at the beginning of the log. Or it asked twice from one position, while a leader moved.
   * @returns the claim to go on with; undefined for a batch of a log that is gone
   */
  const follow = (claim: Claim, from: bigint, log: number): Claim | undefined => {
    const { partition, window } = claim;
    const next = window.next();
    if (next === undefined) {
      window.begin(from);
      claim.log = log;
    } else if (log > claim.log && from < next) {
      logger.warn('the log begins anew', { topic, partition, offset: from, before: next });
      return follow(claims.renew(claim, new Error('the log begins anew')), from, log);
    } else if (from > next) {
      logger.warn('records were deleted before they were read', { topic, partition, offset: next, records: from - next });
      window.passTo(from);
    }
    return log < claim.log ? undefined : claim;
  };

  const eachBatch = ({ consumer, ended }: Life) => async ({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> => {
    const known = claims.of(batch.partition);
    if (stopping) await sleep(STOPPING_REST_MS);
    if (ended.aborted || stopping || known === undefined) return;
    const from = fetchedFrom(batch);
    const claim = follow(known, from, logNumberOf(batch));
    if (claim === undefined) return;
    const readTo = claim.window.next() ?? from;
    const messages = from < readTo ? batch.messages.filter(({ offset }) => BigInt(offset) >= readTo) : batch.messages;
    if (takeAll(claim, messages, consumer)) claim.window.passTo(BigInt(batch.lastOffset()) + 1n);
    const next = claim.window.next();
    if (next !== undefined) resolveOffset((next - 1n).toString());
    if (batch.messages.length >= BUSY.records) await sleep(BUSY.restMs);
    await heartbeat();
  };

  const begin = async (life: Life): Promise<void> => {
    const { consumer, ended, on } = life;
    ended.addEventListener('abort', () => release('the consumer ended'), { once: true });
    let memberId: string | undefined;
    // On the wire before this member's JoinGroup, hence still in the generation that owns the partitions.
    on(consumer.events.REBALANCING, commits.commitAtOnce);
    // Emitted before the first fetch of the new generation, so the seeks are in place when it begins.
    on(consumer.events.GROUP_JOIN, ({ payload }) => {
      // Under another id it was out of the group meanwhile, and others may have gone on with its partitions.
      if (payload.memberId !== memberId) release('the member was out of its group');
      memberId = payload.memberId;
      for (const { partition, window } of claims.assign(payload.memberAssignment[topic] ?? [])) {
        const next = window.next();
        if (next !== undefined) consumer.seek({ topic, partition, offset: next.toString() });
      }
      // KafkaJS keeps what was paused, also of a claim that has gone.
      for (const { partition, paused } of claims.all()) {
        consumer[paused ? 'pause' : 'resume']([{ topic, partitions: [partition] }]);
      }
    });
    // A batch with nothing to hand over, such as the marks of transactions, is told by this event alone.
    on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) claims.of(partition)?.window.passTo(BigInt(lastOffset) + 1n);
    });
    await consumer.connect();
    ended.throwIfAborted();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    ended.throwIfAborted();
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 3, eachBatch: eachBatch(life) });
  };

  const supervised = superviseConsumer({
    create: () => kafka.consumer({
      groupId,
      ...consumerSettings,
    }),
    begin,
    onJoin,
    onRestart,
    logger,
  });

  const commits = createCommits({
    topic,
    member: supervised.member,
    offsets: () => claims.all().flatMap(({ partition, window }) => {
      const offset = window.nextToCommit();
      return offset === undefined ? [] : [{ partition, offset }];
    }),
    logger,
  });

  const drained = async (): Promise<void> => {
    const deadline = Date.now() + DRAIN_TIMEOUT_MS;
    while (claims.pending() > 0 && Date.now() < deadline) await sleep(20);
    if (claims.pending() > 0) logger.info('records without an outcome are left for the next start', { records: claims.pending() });
  };

  return {
    start: (): void => {
      supervised.start();
      commits.start();
    },
    /** Takes nothing more in, gives what is under way up to 3 s, commits, and leaves the group. */
    stop: async (): Promise<void> => {
      stopping = true;
      await drained();
      for (const { ended } of claims.all()) ended.abort(new Error('shutting down'));
      await commits.stop();
      await supervised.stop();
    },
    /** Joined, and in touch with the broker. */
    healthy: supervised.healthy,
    /** Partitions that stand: as much of them is under way as may be, and nothing of it has come to its end for 10 s. */
    standing: claims.standing,
  };
};
