import { KafkaJSError, KafkaJSSASLAuthenticationError, type RecordMetadata } from 'kafkajs';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';

/** Why a record was not acknowledged by one try. */
export type Failure = {
  error: Error;
  /** Whether the same request may succeed later. */
  retriable: boolean;
  /** Whether the record may be on the broker all the same; `no` is certain. */
  appended: 'no' | 'unknown';
  /** Whether the size of the request, or another record of it, may be the reason: then fewer at a time may go. */
  splits: boolean;
};

/** What a broker said of one partition of a request. */
export type Answer = Omit<RecordMetadata, 'topicName'>;

/** Answers of a leader that it gives before it appends anything. All others, also "not the leader", may come after. */
const BEFORE_APPEND = new Set<unknown>([
  'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'CORRUPT_MESSAGE', 'INVALID_TIMESTAMP',
  'NOT_ENOUGH_REPLICAS', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'POLICY_VIOLATION', 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
]);
const TOO_LARGE = new Set<unknown>(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
/** A connection that breaks under a request: so a broker treats one that is larger than it reads. */
const CUT_OFF = new Set<unknown>(['KafkaJSConnectionClosedError', 'ECONNRESET', 'EPIPE']);

const read = (error: Error, field: 'type' | 'code'): unknown => (field in error ? (error as Error & Record<typeof field, unknown>)[field] : undefined);

/** KafkaJS wraps an error that it will not retry any more, sometimes twice. */
const rootOf = (error: unknown): Error => {
  let root = error instanceof Error ? error : new Error(String(error));
  while (root instanceof KafkaJSError && root.cause instanceof Error) root = root.cause;
  return root;
};

export const isLeaderMoved = (error: unknown): boolean => rootOf(error).name === 'LeaderMovedError';

/** What the broker said of each partition of a request that failed; none when it said nothing. */
export const answersOf = (error: unknown): Answer[] => {
  const root = rootOf(error);
  return 'answers' in root && Array.isArray(root.answers) ? root.answers as Answer[] : [];
};

/**
 * @param answer what the broker said of the record's partition, if it did
 * @param error what the try ended with, if it failed
 * @param wasMade whether a produce request was made at all: a try can fail before, when no leader is found
 */
export const failureOf = (answer: Answer | undefined, error: unknown, wasMade: boolean): Failure => {
  // An offset of -1, or a partition that the answer leaves out, acknowledges nothing.
  if (answer?.errorCode === 0 || error === undefined) {
    return { error: new KafkaJSError('the answer has no offset for the partition'), retriable: true, appended: 'unknown', splits: false };
  }
  const root = answer === undefined ? rootOf(error) : createErrorFromCode(answer.errorCode);
  const [type, code] = [read(root, 'type'), read(root, 'code')];
  // What is none of KafkaJS's comes from encoding a record, and would come again.
  const isOwn = root instanceof KafkaJSError;
  // A password comes before the first request of a connection, and may be in the middle of a change.
  const isPassword = root instanceof KafkaJSSASLAuthenticationError;
  const retriable = isPassword || (isOwn && root.retriable);
  const isAuthorization = typeof type === 'string' && type.endsWith('AUTHORIZATION_FAILED');
  return {
    error: root,
    retriable,
    appended: !wasMade || isPassword || BEFORE_APPEND.has(type) ? 'no' : 'unknown',
    splits: TOO_LARGE.has(type) || CUT_OFF.has(root.name) || CUT_OFF.has(code) || (!retriable && !isAuthorization),
  };
};
