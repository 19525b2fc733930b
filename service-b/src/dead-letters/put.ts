import type { Kafka } from 'kafkajs';
import { topicProbe } from '../kafka/client';
import { keyPartitioner } from '../kafka/partitioner';
import { createSending } from '../kafka/sending';
import type { Logger } from '../utils/logger';
import type { Send } from './sender';

/** Some seconds: a leader may move meanwhile, and somebody waits at a terminal. */
const TRIES = 8;

/** Sends records to one topic, each until it is acknowledged or has failed too often. */
export const createPut = ({ kafka, topic, logger }: { kafka: Kafka; topic: string; logger: Logger }) => {
  const sending = createSending({
    producer: kafka.producer({ createPartitioner: keyPartitioner, allowAutoTopicCreation: false, retry: { retries: 0 } }),
    probe: topicProbe(kafka, topic),
    topic,
    pace: { records: Infinity, forMs: 0, restMs: 0 },
    onSent: () => undefined,
    onFailed: () => undefined,
    logger,
  });
  const send: Send = (record) => new Promise((resolve, reject) => {
    let tries = 0;
    sending.add({
      ...record,
      isOver: () => false,
      acknowledged: () => resolve('sent'),
      failed: ({ error, retriable, splits }) => {
        // A request that is parted is no try of this record alone.
        if (!(retriable && splits)) tries += 1;
        if (retriable && tries < TRIES) return true;
        if ('type' in error && error.type === 'MESSAGE_TOO_LARGE') resolve('refused');
        else reject(error);
        return false;
      },
    });
  });
  return { send, stop: sending.stop };
};
