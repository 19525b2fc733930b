import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { traceIdOf, traceOf } from '../utils/tracing';
import type { Claim, Claims } from './claims';
import type { ConsumedRecord } from './consumed-record';
import { fetchedFrom } from './fetched';
import { logNumberOf } from './kafkajs-group-patches';
import { createKeyQueue } from './key-queue';
import { messageBytes } from './message-bytes';
import { onOwnBytes } from './own-bytes';
import type { Life, SupervisedConsumer } from './supervise';

/** Resolves once the record's outcome is published; rejects only when `signal` aborts. */
export type ProcessRecord = (record: ConsumedRecord, signal: AbortSignal) => Promise<void>;

/** What comes while it stops is not taken in, and not asked for as fast as it can be. */
const STOPPING_REST_MS = 250;
/** A batch of at least `records` means load: then a short rest before the next fetch fills it. Below it, nothing is delayed. */
const BUSY = { records: 8, restMs: 30 };

/**
 * What becomes of the records that are fetched: records of one key in order, keys side by side, as many of a partition as its window has
 * room for. Where reading goes on is decided here, not by KafkaJS: a position moves when a record is taken in, or when the end of a batch
 * says that nothing more was in it.
 */
export const createIntake = ({ topic, claims, process, supervised, logger }: {
  topic: string;
  claims: Pick<Claims, 'of' | 'renew'>;
  process: ProcessRecord;
  supervised: Pick<SupervisedConsumer, 'member' | 'restart'>;
  logger: Logger;
}) => {
  const keys = createKeyQueue();
  let stopping = false;

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
    // Keys that are ids of orders differ in nothing but case when they are the same.
    keys.run(message.key?.toString('latin1').toLowerCase(), async () => {
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
      take(claim, { topic, partition, message: onOwnBytes(message) });
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

  return {
    /** For the batches of one consumer. */
    eachBatch,
    /** Nothing more is taken in. */
    stop: (): void => {
      stopping = true;
    },
  };
};
