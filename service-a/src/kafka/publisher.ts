import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import { BrokerUnavailableError, NotAppendedError, QueueFullError } from '../processors/place-order';
import type { Logger } from '../utils/logger';
import type { PlacedMessage } from './partitioner';

/** Where a record was appended. */
export type Position = { partition: number; offset: string };

type Waiting = {
  message: PlacedMessage;
  bytes: number;
  expiresAt: number;
  resolve: (position: Position) => void;
  reject: (error: Error) => void;
};

/** KafkaJS groups a batch by partition in quadratic time: past some hundreds of records one batch more is cheaper. */
const MAX_RECORDS = 500;
/** A batch must stay below the topic's max.message.bytes (1 MiB), else the broker rejects all of it. */
const MAX_BYTES = 900_000;
const RECORD_OVERHEAD_BYTES = 64;
const RETRY_MS = 1_000;
/** A batch of at least `records` means load: then requests start at least `restMs` apart. Below it, nothing is delayed. */
const BUSY = { records: 8, restMs: 5 };

export type Publisher = ReturnType<typeof createPublisher>;

/**
 * Publishes to one topic, one produce request at a time: what arrives while a request is in flight goes with the next one. So a lone
 * record waits for nothing, and under load requests are few and full, which is what the broker's CPU depends on.
 */
export const createPublisher = ({ producer, probe, topic, queueMax, queueMaxBytes, expiryMs, onSent, onFailed, logger }: {
  producer: Pick<Producer, 'connect' | 'send' | 'disconnect'>;
  /** Rejects while the broker has no leader for the topic. Asked while publishing fails and no request comes to try it. */
  probe: () => Promise<unknown>;
  topic: string;
  /** Records that may wait for their turn. */
  queueMax: number;
  /** Bytes that they may have, keys and values, headers included; one record is always taken. */
  queueMaxBytes: number;
  /** A record that could not even be sent within this time is dropped, so that nothing of a rejected request is left. */
  expiryMs: number;
  /** Hears of each request that was acknowledged: its records, and the seconds it took. */
  onSent: (records: number, seconds: number) => void;
  /** Hears of each request that failed. */
  onFailed: (records: number) => void;
  logger: Logger;
}) => {
  let queue: Waiting[] = [];
  let queueBytes = 0;
  let sending = false;
  let connected = false;
  let failing = false;
  let stopping = false;
  let drained: Promise<void> = Promise.resolve();

  /** Takes the next batch off the queue; records whose time is over are rejected on the way. */
  const takeBatch = (): Waiting[] => {
    const now = Date.now();
    const batch: Waiting[] = [];
    let bytes = 0;
    let taken = 0;
    for (const waiting of queue) {
      if (waiting.expiresAt <= now) {
        waiting.reject(new NotAppendedError('expired before it was sent'));
      } else {
        bytes += waiting.bytes;
        if (batch.length > 0 && (bytes > MAX_BYTES || batch.length === MAX_RECORDS)) break;
        batch.push(waiting);
      }
      taken += 1;
      queueBytes -= waiting.bytes;
    }
    queue = taken === queue.length ? [] : queue.slice(taken);
    return batch;
  };

  const sendBatch = async (batch: Waiting[]): Promise<void> => {
    const metadata = await producer.send({ topic, acks: -1, timeout: 5_000, messages: batch.map(({ message }) => message) });
    const nextOffset = new Map(metadata.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset ?? '-1')]));
    for (const { message, resolve } of batch) {
      const partition = message.placedOn ?? -1;
      const offset = nextOffset.get(partition) ?? -1n;
      nextOffset.set(partition, offset + 1n);
      resolve({ partition, offset: offset.toString() });
    }
  };

  const recovered = (): void => {
    if (failing) logger.info('publishing works again', { topic });
    failing = false;
  };

  const drain = async (): Promise<void> => {
    sending = true;
    // What arrives in the same turn of the event loop goes with the same request.
    await setImmediate();
    while (queue.length > 0) {
      const batch = takeBatch();
      if (batch.length === 0) continue;
      try {
        const sentAt = performance.now();
        await sendBatch(batch);
        const tookMs = performance.now() - sentAt;
        onSent(batch.length, tookMs / 1_000);
        recovered();
        // Under load a short rest fills the next request; the broker's CPU follows the number of requests, not of records.
        const restMs = BUSY.restMs - tookMs;
        if (batch.length >= BUSY.records && restMs > 0) await setTimeout(restMs);
      } catch (error) {
        failing = true;
        onFailed(batch.length);
        logger.error('publishing failed', { topic, records: batch.length, error });
        for (const { reject } of batch) reject(new BrokerUnavailableError('the broker did not acknowledge', { cause: error }));
      }
    }
    sending = false;
  };

  const connect = async (): Promise<void> => {
    while (!connected && !stopping) {
      try {
        await producer.connect();
        connected = true;
        logger.info('producer connected', { topic });
      } catch (error) {
        logger.warn('producer cannot connect, trying again', { topic, error });
        await setTimeout(RETRY_MS, undefined, { ref: false });
      }
    }
  };

  const watch = async (): Promise<void> => {
    await connect();
    while (!stopping) {
      if (failing && !sending) await probe().then(recovered, () => undefined);
      await setTimeout(RETRY_MS, undefined, { ref: false });
    }
  };

  return {
    /** Connects in the background, for as long as it takes. */
    start: (): void => void watch(),
    /** Waits for the records on their way, then disconnects. */
    stop: async (): Promise<void> => {
      stopping = true;
      await drained;
      await producer.disconnect();
    },
    /**
     * Resolves once all in-sync replicas hold the record.
     * @throws QueueFullError when it was not queued; NotAppendedError when it was not sent in time; BrokerUnavailableError when it is
     *   unknown whether the broker holds it
     */
    publish: (key: Buffer, value: Buffer, headers: Record<string, string>): Promise<Position> => {
      if (queue.length >= queueMax) return Promise.reject(new QueueFullError(`${queue.length} orders wait for the broker`));
      const bytes = key.length + value.length + JSON.stringify(headers).length + RECORD_OVERHEAD_BYTES;
      if (queue.length > 0 && queueBytes + bytes > queueMaxBytes) return Promise.reject(new QueueFullError(`${queueBytes} bytes wait for the broker`));
      return new Promise((resolve, reject) => {
        queueBytes += bytes;
        queue.push({ message: { key, value, headers }, bytes, expiresAt: Date.now() + expiryMs, resolve, reject });
        if (!sending) drained = drain();
      });
    },
    /** Records that wait for a request. */
    waiting: (): number => queue.length,
    /** Connected, and the last try was no failure. */
    healthy: (): boolean => connected && !failing,
  };
};
