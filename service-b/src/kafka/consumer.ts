import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { createClaims } from './claims';
import { createCommits } from './commits';
import { createIntake, type ProcessRecord } from './intake';
import { consumerSettings, superviseConsumer, type Life } from './supervise';

const DRAIN_TIMEOUT_MS = 3_000;
/** Per partition. One order in backoff (some seconds at most) must not fill the window at some thousand records a second. */
const WINDOW_RECORDS = 10_000;

export type OrderConsumer = ReturnType<typeof createOrderConsumer>;

/**
 * Consumes `topic`: records of one key in order, keys side by side, fetching on while single records take their time. Offsets are
 * committed by one timer, and only up to the highest gap-free record whose outcome is published.
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

  const supervised = superviseConsumer({
    create: () => kafka.consumer({ groupId, ...consumerSettings }),
    begin: (life) => begin(life),
    onJoin,
    onRestart,
    logger,
  });

  const intake = createIntake({ topic, claims, process, supervised, logger });

  const commits = createCommits({
    topic,
    member: supervised.member,
    offsets: () => claims.all().flatMap(({ partition, window }) => {
      const offset = window.nextToCommit();
      return offset === undefined ? [] : [{ partition, offset }];
    }),
    logger,
  });

  /** Gives everything up: whoever is next begins at what is committed. */
  const release = (reason: string): void => {
    claims.releaseAll(new Error(reason));
    commits.forget();
  };

  const begin = async (life: Life): Promise<void> => {
    const { consumer, ended, on } = life;
    ended.addEventListener('abort', () => release('the consumer ended'), { once: true });
    let memberId: string | undefined;
    // On the wire before this member's JoinGroup, hence still in the generation that owns the partitions.
    on(consumer.events.REBALANCING, commits.commitAtOnce);
    // What it kept comes again from what is committed, and the intake leaves it out. A seek would outlive this generation where it ends
    // before the partition is fetched, and pass by what is given up then.
    on(consumer.events.GROUP_JOIN, ({ payload }) => {
      // Under another id it was out of the group meanwhile, and others may have gone on with its partitions.
      if (payload.memberId !== memberId) release('the member was out of its group');
      memberId = payload.memberId;
      claims.assign(payload.memberAssignment[topic] ?? []);
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
    await consumer.run({
      autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 3, eachBatch: intake.eachBatch(life),
    });
  };

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
      intake.stop();
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
