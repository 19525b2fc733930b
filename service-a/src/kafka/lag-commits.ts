import type { Consumer } from 'kafkajs';
import type { Logger } from '../utils/logger';

const COMMIT_INTERVAL_MS = 1_000;

type Position = { readonly topic: string; readonly partition: number; readonly next: bigint };

/** Commits to the group how far its member has read, every second. Nobody begins there: it is for lag tools to see. */
export const createLagCommits = ({ member, positions, logger }: {
  member: () => Consumer | undefined;
  positions: () => readonly Position[];
  logger: Logger;
}) => {
  let committed = '';
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;

  const commit = async (): Promise<void> => {
    const offsets = positions().map(({ topic, partition, next }) => ({ topic, partition, offset: next.toString() }));
    const fingerprint = JSON.stringify(offsets);
    const consumer = member();
    if (consumer === undefined || fingerprint === committed) return;
    try {
      await consumer.commitOffsets(offsets);
      committed = fingerprint;
    } catch (error) {
      logger.debug('commit failed, the next one covers it', { error });
    }
  };

  const commitForever = async (): Promise<void> => {
    await commit();
    if (!stopping) timer = setTimeout(() => void commitForever(), COMMIT_INTERVAL_MS);
  };

  return {
    start: (): void => void commitForever(),
    /** Commits once more. */
    stop: async (): Promise<void> => {
      stopping = true;
      clearTimeout(timer);
      await commit();
    },
  };
};
