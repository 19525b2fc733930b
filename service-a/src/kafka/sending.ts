import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { noteProduceTry, produceTryOf } from './kafkajs-produce-patches';
import { answersOf, failureOf, isLeaderMoved, type Answer, type Failure } from './send-failure';
import { createSendQueue, type Outgoing, type Waiting } from './send-queue';

type Lane = { sending: boolean; busyUntil: number; pauseMs: number };

const RETRY_MS = { first: 50, most: 1_000 };
const PROBE_MS = 1_000;
/** A partition that fails for a shorter time is not worth telling: its leader has moved. */
const FAILING_MS = 1_000;

const byPartition = (batch: Waiting[]): Map<number, Waiting[]> => {
  const groups = new Map<number, Waiting[]>();
  for (const waiting of batch) {
    const group = groups.get(waiting.message.partition);
    if (group === undefined) groups.set(waiting.message.partition, [waiting]);
    else group.push(waiting);
  }
  return groups;
};

export type Sending = ReturnType<typeof createSending>;

/**
 * Sends records to one topic. Each broker that leads some of its partitions has a lane with one produce request at a time: what comes
 * while that is in flight goes with the next one. So a lone record waits for nothing, requests are few and full under load, and a leader
 * that is slow or away holds up its own partitions only. A record is acknowledged by an offset, and by nothing else.
 */
export const createSending = ({ producer, probe, topic, pace, onSent, onFailed, logger }: {
  /** Made with `keyPartitioner` and no retries of its own: here it is decided what to send again, record by record. */
  producer: Pick<Producer, 'connect' | 'send' | 'disconnect'>;
  /** Rejects while the topic cannot be reached. Asked when sending has failed and no record is left to try it. */
  probe: () => Promise<unknown>;
  topic: string;
  /** A request of at least `records` means load: for `forMs` from then on they start at least `restMs` apart, which fills them. */
  pace: { records: number; forMs: number; restMs: number };
  /** Hears of each request that was acknowledged: its records, and the seconds it took. */
  onSent: (records: number, seconds: number) => void;
  /** Hears of records whose try failed. */
  onFailed: (records: number) => void;
  logger: Logger;
}) => {
  const lanes = new Map<number, Lane>();
  /** Partitions whose last try failed, and since when. */
  const failingSince = new Map<number, number>();
  let connected = false;
  let connecting: Promise<void> | undefined;
  let stopping = false;
  let emptied: () => void = () => undefined;

  const wake = (leader: number): void => {
    let lane = lanes.get(leader);
    if (lane === undefined) lanes.set(leader, lane = { sending: false, busyUntil: -Infinity, pauseMs: RETRY_MS.first });
    if (!lane.sending) void drain(leader, lane);
  };
  const queue = createSendQueue({ onWork: wake, onEmpty: () => emptied() });

  const acknowledge = (group: Waiting[], partition: number, base: bigint): void => {
    // What failed before its partition was known.
    failingSince.delete(-1);
    if (failingSince.delete(partition)) logger.info('publishing works again', { topic, partition });
    group.forEach((waiting, i) => {
      queue.forget(waiting);
      waiting.acknowledged({ partition, offset: (base + BigInt(i)).toString() });
    });
  };

  const fail = (group: Waiting[], partition: number, failure: Failure): void => {
    if (!failingSince.has(partition)) failingSince.set(partition, performance.now());
    onFailed(group.length);
    logger.warn('publishing failed', { topic, partition, records: group.length, appended: failure.appended, error: failure.error });
    const inHalves = failure.splits && group.length > 1;
    const again = group.filter((waiting) => {
      if (inHalves) waiting.together = Math.ceil(group.length / 2);
      if (waiting.failed(inHalves ? { ...failure, retriable: true } : failure)) return true;
      queue.forget(waiting);
      return false;
    });
    // One that went alone and was refused for good, or cut off, holds up nobody.
    queue.putBack(again, !inHalves && (failure.splits || !failure.retriable));
  };

  /** @returns whether all of the batch was acknowledged */
  const settle = (batch: Waiting[], answers: Answer[], error?: unknown): boolean => {
    let complete = true;
    for (const [partition, group] of byPartition(batch)) {
      const answer = answers.find((one) => one.partition === partition);
      const base = answer?.errorCode === 0 ? BigInt(answer.baseOffset ?? -1) : -1n;
      if (base >= 0n) {
        acknowledge(group, partition, base);
      } else {
        complete = false;
        fail(group, partition, failureOf(answer, error, produceTryOf(group[0]!.message) !== undefined));
      }
    }
    return complete;
  };

  const connect = (): Promise<void> => {
    connecting ??= producer.connect().then(() => {
      connected = true;
      logger.info('producer connected', { topic });
    }).finally(() => {
      connecting = undefined;
    });
    return connecting;
  };

  /** @returns whether to go on without a pause */
  const send = async (batch: Waiting[]): Promise<boolean> => {
    try {
      if (!connected) await connect();
      const sentAt = performance.now();
      for (const { message } of batch) noteProduceTry(message);
      const answers = await producer.send({ topic, acks: -1, timeout: 5_000, messages: batch.map(({ message }) => message) });
      if (!settle(batch, answers)) return false;
      onSent(batch.length, (performance.now() - sentAt) / 1_000);
      return true;
    } catch (error) {
      // KafkaJS may tell of what it did afterwards instead.
      const reason = produceTryOf(batch[0]!.message)?.error ?? error;
      if (!isLeaderMoved(reason)) return settle(batch, answersOf(reason), reason);
      queue.putBack(batch, false);
      return true;
    }
  };

  const drain = async (leader: number, lane: Lane): Promise<void> => {
    lane.sending = true;
    // What comes in the same turn of the event loop goes with the same request.
    await setImmediate();
    for (let batch = queue.takeBatch(leader); batch.length > 0; batch = queue.takeBatch(leader)) {
      const startedAt = performance.now();
      if (batch.length >= pace.records) lane.busyUntil = startedAt + pace.forMs;
      if (await send(batch)) {
        lane.pauseMs = RETRY_MS.first;
        const restMs = startedAt <= lane.busyUntil ? pace.restMs - (performance.now() - startedAt) : 0;
        if (restMs > 0) await setTimeout(restMs);
      } else {
        await setTimeout(lane.pauseMs);
        lane.pauseMs = Math.min(lane.pauseMs * 2, RETRY_MS.most);
      }
    }
    lane.sending = false;
  };

  const watch = async (): Promise<void> => {
    while (!stopping) {
      if (!connected) await connect().catch((error: unknown) => logger.warn('producer cannot connect, trying again', { topic, error }));
      else if (failingSince.size > 0 && queue.records() === 0) await probe().then(() => failingSince.clear(), () => undefined);
      await setTimeout(PROBE_MS, undefined, { ref: false });
    }
  };

  return {
    /** Connects in the background, for as long as it takes. */
    start: (): void => void watch(),
    /** Waits until no record is held any more, then disconnects. */
    stop: async (): Promise<void> => {
      stopping = true;
      if (queue.records() > 0) await new Promise<void>((resolve) => { emptied = resolve; });
      await producer.disconnect();
    },
    add: (outgoing: Outgoing): void => queue.add(outgoing),
    /** Records that wait for a request. */
    waiting: queue.waiting,
    /** Bytes of all records that are held: those that wait and those in flight. */
    bytes: queue.bytes,
    /** Connected, and no partition has failed for a second and more. */
    healthy: (): boolean => connected && [...failingSince.values()].every((since) => performance.now() - since < FAILING_MS),
  };
};
