import { setImmediate, setTimeout } from 'node:timers/promises';
import { KafkaJSError, type IHeaders, type Producer } from 'kafkajs';
import type { Logger } from '../utils/logger';
import type { PlacedMessage } from './partitioner';

/** Where a record was appended. */
export type Position = { partition: number; offset: string };

export type OutcomeRecord = {
  key: Buffer | null;
  value: string;
  headers?: IHeaders;
  /** Where a record without a key goes. */
  fallbackPartition: number;
};

type Waiting = {
  message: PlacedMessage;
  bytes: number;
  signal: AbortSignal;
  resolve: (position: Position) => void;
  reject: (reason: unknown) => void;
};

/** What goes into one request at most. */
export const BATCH = {
  /** KafkaJS groups a batch by partition in quadratic time: past some hundreds of records one batch more is cheaper. */
  records: 500,
  /** Keeps a batch below the topic's max.message.bytes; a larger record goes alone. */
  bytes: 900_000,
  recordOverheadBytes: 64,
};
/**
 * A batch of at least `records` means load: for `forMs` from then on, requests start at least `restMs` apart, so that what trickles in
 * (orders that had to wait for the gateway) goes along with the others. Below it, nothing is delayed.
 */
const BUSY = { records: 8, forMs: 100, restMs: 20 };
const RETRY_MS = { first: 200, most: 2_000 };

/**
 * Whether the same request may succeed later. KafkaJS wraps a retriable error that it has retried for long enough in one that says it
 * is not; an error that is none of KafkaJS's comes from encoding a record, and would come again.
 */
const isRetriable = (error: unknown): boolean =>
  error instanceof KafkaJSError && (error.retriable || error.name === 'KafkaJSNumberOfRetriesExceeded');

export type Publisher = ReturnType<typeof createPublisher>;

/**
 * Publishes to one topic and does not give up: a record waits until the broker holds it, or until nobody waits for it any more.
 * One produce request at a time; what arrives meanwhile goes with the next one.
 */
export const createPublisher = ({ producer, topic, onSent, onFailed, logger }: {
  producer: Pick<Producer, 'connect' | 'send' | 'disconnect'>;
  topic: string;
  /** Hears of each request that was acknowledged: its records, and the seconds it took. */
  onSent: (records: number, seconds: number) => void;
  /** Hears of each request that failed. */
  onFailed: (records: number) => void;
  logger: Logger;
}) => {
  let queue: Waiting[] = [];
  let sending = false;
  let connected = false;
  let failing = false;
  let stopping = false;
  let busyUntil = 0;
  /** While positive, records go one by one, so that one the broker refuses for good does not hold back the others. */
  let isolate = 0;

  const takeBatch = (): Waiting[] => {
    const batch: Waiting[] = [];
    const most = isolate > 0 ? 1 : BATCH.records;
    let bytes = 0;
    let taken = 0;
    for (const waiting of queue) {
      if (waiting.signal.aborted) {
        waiting.reject(waiting.signal.reason);
      } else {
        bytes += waiting.bytes;
        if (batch.length > 0 && (bytes > BATCH.bytes || batch.length === most)) break;
        batch.push(waiting);
      }
      taken += 1;
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

  /** Puts a refused batch back: at the front to try again, a lone record that the broker refuses for good at the end. */
  const putBack = (batch: Waiting[], error: unknown): void => {
    if (isRetriable(error)) {
      queue = [...batch, ...queue];
    } else if (batch.length > 1) {
      isolate = batch.length;
      queue = [...batch, ...queue];
    } else {
      queue.push(...batch);
    }
  };

  const drain = async (): Promise<void> => {
    sending = true;
    // What arrives in the same turn of the event loop goes with the same request.
    await setImmediate();
    let pauseMs = RETRY_MS.first;
    while (queue.length > 0) {
      const batch = takeBatch();
      if (batch.length === 0) continue;
      isolate = Math.max(0, isolate - 1);
      const sentAt = performance.now();
      if (batch.length >= BUSY.records) busyUntil = sentAt + BUSY.forMs;
      try {
        if (!connected) await connect();
        await sendBatch(batch);
        onSent(batch.length, (performance.now() - sentAt) / 1_000);
        if (failing) logger.info('publishing works again', { topic });
        failing = false;
        pauseMs = RETRY_MS.first;
        if (sentAt < busyUntil) await setTimeout(Math.max(0, BUSY.restMs - (performance.now() - sentAt)));
      } catch (error) {
        failing = true;
        onFailed(batch.length);
        putBack(batch, error);
        logger.error('publishing failed, trying again', { topic, records: batch.length, waiting: queue.length, error });
        await setTimeout(pauseMs);
        pauseMs = Math.min(pauseMs * 2, RETRY_MS.most);
      }
    }
    sending = false;
  };

  const connect = async (): Promise<void> => {
    await producer.connect();
    connected = true;
    logger.info('producer connected', { topic });
  };

  const connectForever = async (): Promise<void> => {
    while (!connected && !stopping) {
      try {
        await connect();
      } catch (error) {
        logger.warn('producer cannot connect, trying again', { topic, error });
        await setTimeout(RETRY_MS.most, undefined, { ref: false });
      }
    }
  };

  return {
    /** Connects in the background, for as long as it takes. */
    start: (): void => void connectForever(),
    /** Disconnects. What still waits is not published: its records were not committed and are consumed again. */
    stop: async (): Promise<void> => {
      stopping = true;
      await producer.disconnect();
    },
    /** Resolves once all in-sync replicas hold the record; rejects with the reason of `signal` if that aborts before the record is sent. */
    publish: ({ key, value, headers = {}, fallbackPartition }: OutcomeRecord, signal: AbortSignal): Promise<Position> =>
      new Promise((resolve, reject) => {
        const bytes = (key?.length ?? 0) + Buffer.byteLength(value) + BATCH.recordOverheadBytes;
        queue.push({ message: { key, value, headers, fallbackPartition }, bytes, signal, resolve, reject });
        if (!sending) void drain();
      }),
    /** Records that wait for a request. */
    waiting: (): number => queue.length,
    /** Connected, and the last try was no failure. */
    healthy: (): boolean => connected && !failing,
  };
};
