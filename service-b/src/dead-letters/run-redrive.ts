import type { Kafka } from 'kafkajs';
import type { Logger } from '../utils/logger';
import type { RedriveRequest } from './command';
import type { Log } from './log';
import { createPut } from './put';
import { createRedrive, type Outcome } from './redrive';

type RedriveDeps = Parameters<typeof createRedrive>[0];

/** Puts dead letters back, for whoever asks for it: over a producer that is made for it and closed at its end. */
export const runRedrive = async (request: RedriveRequest, { kafka, log, logger, ...deps }: Omit<RedriveDeps, 'send'> & {
  kafka: Kafka;
  log: Log;
  logger: Logger;
}): Promise<Outcome> => {
  const { send, stop } = createPut({ kafka, topic: deps.topics.orders, logger });
  try {
    return await createRedrive({ ...deps, log, send })(request);
  } finally {
    await stop();
  }
};
