import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError, type ProducerRecord, type RecordMetadata } from 'kafkajs';
import { KafkaJSConnectionClosedError, KafkaJSSASLAuthenticationError } from 'kafkajs/src/errors';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { noteProduceTry } from '../../src/kafka/kafkajs-produce-patches';
import { keyPartitioner, type PlacedMessage } from '../../src/kafka/partitioner';
import { deferred, type Deferred } from './fakes';

/** A produce request: the records by partition, as `<value>`, and how to answer it. */
export type Request = { leader: number; values: string[]; byPartition: Map<number, string[]>; answer: Deferred<RecordMetadata[]> };

export const CODES = { messageTooLarge: 10, notLeader: 6, notEnoughReplicas: 19 };

/** An answer with an error code for a partition, and what the others say, as a broker gives it and KafkaJS passes it on. */
export const refusal = (code: number, ...answers: [partition: number, baseOffset: string, errorCode?: number][]): Error => {
  const error = Object.assign(createErrorFromCode(code), {
    answers: answers.map(([partition, baseOffset, errorCode = 0]) => ({ partition, baseOffset, errorCode })),
  });
  return error instanceof KafkaJSProtocolError && error.retriable
    ? new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 0, retryTime: 0 })
    : error;
};
export const cutOff = (): Error => new KafkaJSConnectionClosedError('Closed connection', { host: 'kafka', port: 9092 });
const before = new KafkaJSConnectionError('connect ECONNREFUSED', { code: 'ECONNREFUSED' });
/** No broker could be reached: no request was made. */
export const unreachable = (): Error => before;

/** The broker refused the password of a new connection: no request was sent. */
export const wrongPassword = (): Error => new KafkaJSSASLAuthenticationError('invalid credentials');

/** A producer over a topic whose partitions are led by `leaders`, which may change; a record without a key goes where it says. */
export const aProducer = ({ leaders, onRequest, connect = async () => undefined }: {
  leaders: number[];
  /** Answers a request at once: with an error, or as acknowledged; without it requests wait for their `answer`. */
  onRequest?: ((request: Request) => Error | RecordMetadata[] | undefined) | undefined;
  connect?: () => Promise<void>;
}) => {
  const requests: Request[] = [];
  const calls: string[] = [];
  const ends = new Map<number, number>();
  let hidden: Error | undefined;
  let metadata = leaders.map((leader, partitionId) => ({ partitionId, leader, partitionErrorCode: 0, replicas: [], isr: [] }));

  const append = ({ byPartition }: Request): RecordMetadata[] => [...byPartition].map(([partition, values]) => {
    const baseOffset = ends.get(partition) ?? 0;
    ends.set(partition, baseOffset + values.length);
    return { topicName: 'orders', partition, errorCode: 0, baseOffset: String(baseOffset) };
  });

  return {
    /** From now on a request that fails is told as if KafkaJS had failed afterwards with this error. */
    hides: (error: Error): void => {
      hidden = error;
    },
    requests,
    calls,
    append,
    values: () => requests.map(({ values }) => values),
    move: (...next: number[]): void => {
      metadata = next.map((leader, partitionId) => ({ partitionId, leader, partitionErrorCode: 0, replicas: [], isr: [] }));
    },
    producer: {
      connect,
      disconnect: async () => void calls.push('disconnect'),
      send: async ({ topic, messages }: ProducerRecord): Promise<RecordMetadata[]> => {
        const byPartition = new Map<number, string[]>();
        const partitioner = keyPartitioner();
        for (const message of messages) {
          const partition = partitioner({ topic, partitionMetadata: metadata, message });
          byPartition.set(partition, [...byPartition.get(partition) ?? [], String(message.value)]);
        }
        const [first] = byPartition.keys();
        const values = messages.map(({ value }) => String(value));
        const request = { leader: metadata[first!]!.leader, values, byPartition, answer: deferred<RecordMetadata[]>() };
        requests.push(request);
        for (const message of messages) noteProduceTry(message, {});
        if (onRequest === undefined) return request.answer.promise;
        const answer = onRequest(request);
        if (answer === before) messages.forEach((message) => noteProduceTry(message));
        else if (answer instanceof Error) messages.forEach((message) => noteProduceTry(message, { error: answer }));
        if (answer instanceof Error) throw hidden ?? answer;
        return answer ?? append(request);
      },
    },
  };
};

export const aRecord = (value: string, partition = 0): Pick<PlacedMessage, 'key' | 'fallbackPartition'> & { value: string } =>
  ({ key: null, value, fallbackPartition: partition });
