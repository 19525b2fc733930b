import { Kafka, logLevel, type logCreator } from 'kafkajs';
import type { Logger } from '../utils/logger';
import { tellEndOfLog } from './kafkajs-ends-patch';
import { patchGroups } from './kafkajs-group-patches';
import { patchNetwork } from './kafkajs-network-patches';
import { poolEncoderBuffers, readHeadersWhenAsked, sendHeadersAsTheyAre, tameRequestQueue } from './kafkajs-patches';
import { hideAbortedRecords } from './kafkajs-transaction-patch';
import { connectionOptions, type Security } from './security';

/**
 * KafkaJS reports every failed try as an error although it tries again; what counts as an error here is said by the callers,
 * which know whether anything was lost. Its own lines are warnings, its chatter is for `debug`.
 */
const throughWinston = (logger: Logger): logCreator => () => ({ namespace, level, log }) => {
  const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
  // An error the broker answers with is thrown as well, and whoever catches it says what comes of it.
  const isAnswer = namespace === 'Connection' && message.startsWith('Response ');
  // Whoever has what the broker says in it can guess the password at leisure.
  if (isAnswer && message.startsWith('Response SaslAuthenticate') && 'data' in fields) fields.data = '[filtered]';
  logger.log(level <= logLevel.WARN && !isAnswer ? 'warn' : 'debug', `kafkajs: ${message}`, { namespace, ...fields });
};

const levelFor = (logger: Logger): logLevel => (logger.isDebugEnabled() ? logLevel.DEBUG : logLevel.WARN);

/** Takes over the level of the logger, which has changed. */
export const adjustKafkaLogLevel = (kafka: Kafka, logger: Logger): void => kafka.logger().setLogLevel(levelFor(logger));

/** To connect, TLS included; and to answer at once: `kafkajs-network-patches` knows what may take longer. */
export const TIMEOUTS = { connectionTimeout: 3_000, requestTimeout: 4_000 };

let patched = false;

/** Once, before the first connection of the process. */
export const patchKafkaJs = (): void => {
  if (patched) return;
  patched = true;
  tameRequestQueue();
  poolEncoderBuffers();
  readHeadersWhenAsked();
  sendHeadersAsTheyAre();
  hideAbortedRecords();
  tellEndOfLog();
  patchNetwork();
  patchGroups();
};

/** The Kafka client of this service. Retries inside one call are few: whoever calls decides how long to go on. */
export const createKafka = ({ brokers, clientId, security, logger }: {
  brokers: string[];
  clientId: string;
  security: Security;
  logger: Logger;
}): Kafka => {
  patchKafkaJs();
  return new Kafka({
    brokers,
    clientId,
    ...connectionOptions(security),
    ...TIMEOUTS,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    logLevel: levelFor(logger),
    logCreator: throughWinston(logger),
  });
};

/** Asks whether a topic can be reached: rejects while it has a partition without a leader, or no broker answers. */
export const topicProbe = (kafka: Kafka, topic: string) => async (): Promise<void> => {
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
  } finally {
    await admin.disconnect();
  }
};
