import type { IHeaders } from 'kafkajs';
import type { Position } from './send-queue';
import { createSending } from './sending';

export type { Position } from './send-queue';

export type OutcomeRecord = {
  key: Buffer | null;
  value: Buffer | string;
  headers?: IHeaders;
  /** Where a record without a key goes. */
  fallbackPartition: number;
};

/** Orders that had to wait for the gateway trickle in: a request that waits 20 ms under load takes them along. */
const PACE = { records: 8, forMs: 100, restMs: 20 };

export type Publisher = ReturnType<typeof createPublisher>;

/** Publishes to one topic and does not give up: a record waits until the broker holds it, or until nobody waits for it any more. */
export const createPublisher = (deps: Omit<Parameters<typeof createSending>[0], 'pace'>) => {
  const sending = createSending({ ...deps, pace: PACE });

  return {
    start: sending.start,
    stop: sending.stop,
    waiting: sending.waiting,
    healthy: sending.healthy,
    /**
     * Resolves once all in-sync replicas hold the record.
     * @throws the reason of `signal`, if it aborts first
     */
    publish: (record: OutcomeRecord, signal: AbortSignal): Promise<Position> => new Promise((resolve, reject) => {
      const { key, value, headers = {}, fallbackPartition } = record;
      const isOver = (): boolean => {
        if (signal.aborted) reject(signal.reason as Error);
        return signal.aborted;
      };
      sending.add({ key, value, headers, fallbackPartition, isOver, acknowledged: resolve, failed: () => !isOver() });
    }),
  };
};
