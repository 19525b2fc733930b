import type { RecordMetadata } from 'kafkajs';
import Broker from 'kafkajs/src/broker';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import produceV3 from 'kafkajs/src/protocol/requests/produce/v3/response';
import produceV4 from 'kafkajs/src/protocol/requests/produce/v4/response';
import produceV5 from 'kafkajs/src/protocol/requests/produce/v5/response';
import produceV6 from 'kafkajs/src/protocol/requests/produce/v6/response';
import produceV7 from 'kafkajs/src/protocol/requests/produce/v7/response';

// KafkaJS 2.2.4 where it hides what became of a produce request. Each patch says what it does without; docs/decisions/0021 has the whole.

/** An error of a produce request that tells what became of each partition, those that were acknowledged among them. */
export type ProduceError = Error & { answers: Omit<RecordMetadata, 'topicName'>[] };

/** Without: one refused partition hides that the others of its request were appended, and a retry appends them again. */
export const tellEachPartition = (): void => {
  for (const response of [produceV3, produceV4, produceV5, produceV6, produceV7]) {
    response.parse = async (answer) => {
      const answers = answer.topics.flatMap(({ partitions }) => partitions);
      const refused = answers.find(({ errorCode }) => errorCode !== 0);
      if (refused !== undefined) throw Object.assign(createErrorFromCode(refused.errorCode), { answers }) satisfies ProduceError;
      return answer;
    };
  }
};

/** What became of the request that a message was last part of. */
type Try = { error?: Error };
const TRY = Symbol('the last produce request with this message');
type Tried = { [TRY]?: Try | undefined };

/** The last produce request with this message; undefined when it was part of none, so that nobody can hold it. */
export const produceTryOf = (message: object): Try | undefined => (message as Tried)[TRY];
export const noteProduceTry = (message: object, made?: Try): void => {
  (message as Tried)[TRY] = made;
};

/**
 * Without: when the leaders cannot be looked up after a request that failed, KafkaJS tells of that alone, and a request that was cut off
 * under way looks like one that was never made.
 */
export const noteProduceTries = (): void => {
  const produce = Broker.prototype.produce;
  Broker.prototype.produce = async function produceAndNote(request) {
    const made: Try = {};
    for (const { partitions } of request.topicData) {
      for (const { messages } of partitions) for (const message of messages) noteProduceTry(message, made);
    }
    try {
      return await produce.call(this, request);
    } catch (error) {
      made.error = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  };
};
