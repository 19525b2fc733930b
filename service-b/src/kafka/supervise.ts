import type { Consumer } from 'kafkajs';
import type { Logger } from '../utils/logger';

export type SupervisedConsumer = ReturnType<typeof superviseConsumer>;

type Deps = {
  /** Builds a consumer with `restartOnFailure` off: restarting is done here, in one place, for every cause. */
  create: () => Consumer;
  /** Connects, subscribes and runs the consumer; must stop between two of these steps once `signal` aborts. */
  begin: (consumer: Consumer, signal: AbortSignal) => Promise<void>;
  /** Hears of each time that it joined its group. */
  onJoin: () => void;
  /** Hears of each time that it ended and is built anew. */
  onRestart: () => void;
  logger: Logger;
  /** A consumer without a sign of life for this long is given up and built anew. Must exceed the rebalance timeout. */
  stallMs?: number;
};

const CLOSE_TIMEOUT_MS = 5_000;
const STALE_MS = 5_000;

const delay = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms);
});

/**
 * Keeps one consumer alive for as long as the process lives. KafkaJS gives up on a consumer for many reasons (coordinator not found,
 * a join that keeps failing, an unexpected error) and leaves the process running without it; here every such end leads to a new
 * consumer after a backoff of 0.5-5 s, and `healthy()` says no in between.
 */
export const superviseConsumer = ({ create, begin, onJoin, onRestart, logger, stallMs = 30_000 }: Deps) => {
  let stopping = false;
  let joined = false;
  let lastSign = 0;
  let restarts = 0;
  let consumer: Consumer | undefined;
  let giveUp: (reason: unknown) => void = () => undefined;
  let finished: Promise<void> = Promise.resolve();

  const sign = (): void => {
    lastSign = Date.now();
  };

  const watch = (watched: Consumer): void => {
    const { GROUP_JOIN, HEARTBEAT, FETCH, END_BATCH_PROCESS, REBALANCING, CRASH, STOP } = watched.events;
    watched.on(GROUP_JOIN, ({ payload }) => {
      sign();
      joined = true;
      onJoin();
      logger.info('consumer joined', { groupId: payload.groupId, memberId: payload.memberId, assignment: payload.memberAssignment });
    });
    watched.on(HEARTBEAT, sign);
    watched.on(FETCH, sign);
    watched.on(END_BATCH_PROCESS, sign);
    watched.on(REBALANCING, () => {
      joined = false;
    });
    watched.on(STOP, () => {
      joined = false;
    });
    watched.on(CRASH, ({ payload }) => giveUp(payload.error));
  };

  const closeBounded = async (closing: Consumer): Promise<void> => {
    const closed = closing.disconnect().catch((error: unknown) => logger.warn('consumer did not close cleanly', { error }));
    await Promise.race([closed, delay(CLOSE_TIMEOUT_MS)]);
  };

  /** Lives with one consumer until it ends; resolves with the reason. */
  const live = async (): Promise<unknown> => {
    const current = create();
    consumer = current;
    sign();
    const ended = new Promise<unknown>((resolve) => {
      giveUp = resolve;
    });
    const stallCheck = setInterval(() => {
      if (Date.now() - lastSign > stallMs) giveUp(new Error(`no sign of life for ${stallMs} ms`));
    }, 1_000);
    watch(current);
    const over = new AbortController();
    begin(current, over.signal).catch((error: unknown) => giveUp(error));
    const reason = await ended;
    over.abort(reason);
    clearInterval(stallCheck);
    joined = false;
    await closeBounded(current);
    return reason;
  };

  const supervise = async (): Promise<void> => {
    while (!stopping) {
      const startedAt = Date.now();
      const error = await live();
      if (stopping) return;
      onRestart();
      restarts = Date.now() - startedAt > 60_000 ? 0 : restarts + 1;
      const retryInMs = Math.min(500 * 2 ** restarts, 5_000);
      logger.warn('consumer ended, building it anew', { error, retryInMs });
      await delay(retryInMs);
    }
  };

  return {
    start: (): void => {
      finished = supervise();
    },
    /** Leaves the group and closes; takes at most 5 s. */
    stop: async (): Promise<void> => {
      stopping = true;
      giveUp(undefined);
      await Promise.race([finished, delay(CLOSE_TIMEOUT_MS)]);
    },
    /** Ends the live consumer and builds a new one, which begins at the committed offsets. */
    restart: (reason: unknown): void => giveUp(reason),
    /** A sign of life that KafkaJS emits no event for, such as progress inside a long batch. */
    sign,
    /** The live consumer, if there is one: for commits. */
    current: (): Consumer | undefined => consumer,
    /** Joined, and a fetch or heartbeat succeeded within the last 5 s. */
    healthy: (): boolean => joined && Date.now() - lastSign < STALE_MS,
  };
};
