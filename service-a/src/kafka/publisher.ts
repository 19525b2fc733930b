import { BrokerUnavailableError, NotAppendedError, QueueFullError } from '../processors/place-order';
import type { Position } from './send-queue';
import { createSending } from './sending';

export type { Position } from './send-queue';

/** Somebody waits for each order: a request rests 5 ms under load and not at all below it. */
const PACE = { records: 8, forMs: 0, restMs: 5 };

export type Publisher = ReturnType<typeof createPublisher>;

/** Publishes to one topic, and gives a record up when its time is over. */
export const createPublisher = ({ queueMax, queueMaxBytes, expiryMs, ...deps }: Omit<Parameters<typeof createSending>[0], 'pace'> & {
  /** Records that may wait for their turn. */
  queueMax: number;
  /** Bytes that may be held, keys, values and headers; one record is always taken. */
  queueMaxBytes: number;
  /** After this time a record is not tried any more. */
  expiryMs: number;
}) => {
  const sending = createSending({ ...deps, pace: PACE });

  return {
    start: sending.start,
    stop: sending.stop,
    waiting: sending.waiting,
    healthy: sending.healthy,
    /**
     * Resolves once all in-sync replicas hold the record.
     * @throws QueueFullError when it was not queued; NotAppendedError when the broker certainly does not hold it; BrokerUnavailableError
     *   when that is not known
     */
    publish: (key: Buffer, value: Buffer, headers: Record<string, string>): Promise<Position> => new Promise((resolve, reject) => {
      if (sending.waiting() >= queueMax) {
        reject(new QueueFullError(`${sending.waiting()} orders wait for the broker`));
        return;
      }
      if (sending.bytes() > 0 && sending.bytes() + key.length + value.length > queueMaxBytes) {
        reject(new QueueFullError(`${sending.bytes()} bytes wait for the broker`));
        return;
      }
      const expiresAt = performance.now() + expiryMs;
      let isCertain = true;
      const giveUp = (reason: string, cause?: unknown): void =>
        reject(isCertain ? new NotAppendedError(reason, { cause }) : new BrokerUnavailableError(reason, { cause }));
      const isOver = (): boolean => {
        if (performance.now() < expiresAt) return false;
        giveUp('the broker did not acknowledge in time');
        return true;
      };
      sending.add({
        key, value, headers, fallbackPartition: 0, isOver, acknowledged: resolve,
        failed: ({ error, retriable, appended }) => {
          isCertain &&= appended === 'no';
          if (retriable) return !isOver();
          giveUp('the broker refused the order', error);
          return false;
        },
      });
    }),
  };
};
