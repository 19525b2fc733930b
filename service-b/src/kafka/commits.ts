import type { Consumer } from 'kafkajs';
import type { Logger } from '../utils/logger';

const INTERVAL_MS = 300;

/** Commits offsets one request after the other, on a timer and when asked to; what is committed already is not sent again. */
export const createCommits = ({ topic, member, offsets, logger }: {
  topic: string;
  /** The consumer that is a member of its group, if there is one. */
  member: () => Consumer | undefined;
  /** The offset to commit for each partition. */
  offsets: () => { partition: number; offset: string }[];
  logger: Logger;
}) => {
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();
  /** Made anew by `forget`: a request that was under way then tells nothing of now. */
  let committed = new Map<number, string>();

  const commitNow = async (): Promise<void> => {
    const consumer = member();
    const known = committed;
    const due = offsets().filter(({ partition, offset }) => known.get(partition) !== offset);
    if (consumer === undefined || due.length === 0) return;
    try {
      await consumer.commitOffsets(due.map((one) => ({ topic, ...one })));
      for (const { partition, offset } of due) known.set(partition, offset);
    } catch (error) {
      logger.warn('commit failed, the next one covers it', { error });
    }
  };

  const commit = (): Promise<void> => {
    last = last.then(commitNow);
    return last;
  };

  const commitForever = async (): Promise<void> => {
    await commit();
    if (!stopping) timer = setTimeout(() => void commitForever(), INTERVAL_MS);
  };

  const forget = (): void => {
    committed = new Map();
  };

  return {
    start: (): void => void commitForever(),
    /** Does not wait for a request that is under way: whoever joins its group anew has no time for that. */
    commitAtOnce: (): void => {
      // Nobody knows which of two comes last: so what is committed is sent once more.
      void Promise.all([commitNow(), last]).then(forget);
    },
    /** Forgets what was committed: another member may have committed since. */
    forget,
    stop: (): Promise<void> => {
      stopping = true;
      clearTimeout(timer);
      return commit();
    },
  };
};
