import type { Consumer, ConsumerConfig } from 'kafkajs';
import type { Logger } from '../utils/logger';

export type SupervisedConsumer = ReturnType<typeof superviseConsumer>;

/** The time of one consumer, from when it is built until it is given up. It may go on for a while after that; nobody listens then. */
export type Life = {
  consumer: Consumer;
  /** Aborts when the consumer is given up. */
  ended: AbortSignal;
  /** As of the consumer, until it is given up. */
  on: Consumer['on'];
};

type Deps = {
  /** Builds a consumer with `restartOnFailure` off: restarting is done here, in one place, for every cause. */
  create: () => Consumer;
  /** Connects, subscribes and runs the consumer; must stop between two of these steps once `ended` aborts. */
  begin: (life: Life) => Promise<void>;
  /** Hears of each time that it joined its group. */
  onJoin: () => void;
  /** Hears of each time that it ended and is built anew. */
  onRestart: () => void;
  logger: Logger;
  /** A consumer without a sign of life, or outside its group, for so long is given up and built anew. Exceeds the rebalance timeout. */
  stallMs?: number;
};

/** Of every consumer that is supervised. New partitions and moved leaders may go unnoticed for `metadataMaxAge` without an error. */
export const consumerSettings = {
  allowAutoTopicCreation: false,
  sessionTimeout: 6_000,
  rebalanceTimeout: 10_000,
  heartbeatInterval: 1_000,
  maxWaitTimeInMs: 500,
  metadataMaxAge: 10_000,
  retry: { retries: 3, restartOnFailure: async () => false },
} satisfies Partial<ConsumerConfig>;

const CLOSE_TIMEOUT_MS = 5_000;
const STALE_MS = 5_000;

const delay = (ms: number): Promise<void> => new Promise((resolve) => {
  setTimeout(resolve, ms);
});

const createLife = (consumer: Consumer, ended: AbortSignal): Life => {
  const on = (name: string, listener: (event: unknown) => void): unknown =>
    consumer.on(name as 'consumer.stop', (event) => (ended.aborted ? undefined : listener(event)));
  return { consumer, ended, on: on as Consumer['on'] };
};

/**
 * Keeps one consumer alive for as long as the process lives. KafkaJS gives up on a consumer for many reasons (coordinator not found,
 * a join that keeps failing, an unexpected error) and leaves the process running without it; here every such end leads to a new
 * consumer after a backoff of 0.5-5 s, and `healthy()` says no in between.
 */
export const superviseConsumer = ({ create, begin, onJoin, onRestart, logger, stallMs = 30_000 }: Deps) => {
  let stopping = false;
  let member: Consumer | undefined;
  let joined = false;
  /** A broker lets join who may not read. */
  let fetched = false;
  let lastJoined = 0;
  let lastSign = 0;
  let restarts = 0;
  let giveUp: (reason: unknown) => void = () => undefined;
  let finished: Promise<void> = Promise.resolve();

  const sign = (): void => {
    lastSign = performance.now();
    if (joined) lastJoined = lastSign;
  };

  const watch = ({ consumer, on }: Life, end: (reason: unknown) => void): void => {
    const { GROUP_JOIN, HEARTBEAT, FETCH, END_BATCH_PROCESS, REBALANCING, CRASH, STOP } = consumer.events;
    on(GROUP_JOIN, ({ payload }) => {
      joined = true;
      member = consumer;
      sign();
      onJoin();
      logger.info('consumer joined', { groupId: payload.groupId, memberId: payload.memberId, assignment: payload.memberAssignment });
    });
    on(HEARTBEAT, () => {
      // A rebalance can come to nothing, when the coordinator moves: whoever is heard is a member still.
      joined = member === consumer;
      sign();
    });
    on(FETCH, () => {
      fetched = true;
      sign();
    });
    on(END_BATCH_PROCESS, sign);
    on(REBALANCING, () => {
      joined = false;
    });
    on(STOP, () => {
      joined = fetched = false;
    });
    on(CRASH, ({ payload }) => end(payload.error));
  };

  const closeBounded = async (closing: Consumer): Promise<void> => {
    const closed = closing.disconnect().catch((error: unknown) => logger.warn('consumer did not close cleanly', { error }));
    await Promise.race([closed, delay(CLOSE_TIMEOUT_MS)]);
  };

  /** Lives with one consumer until it ends; resolves with the reason. */
  const live = async (): Promise<unknown> => {
    const over = new AbortController();
    const life = createLife(create(), over.signal);
    lastSign = lastJoined = performance.now();
    let end: (reason: unknown) => void = () => undefined;
    const ended = new Promise<unknown>((resolve) => {
      end = resolve;
    });
    giveUp = end;
    const stallCheck = setInterval(() => {
      const now = performance.now();
      if (now - lastSign > stallMs) end(new Error(`no sign of life for ${stallMs} ms`));
      else if (now - lastJoined > stallMs) end(new Error(`not in its group for ${stallMs} ms`));
    }, 1_000);
    watch(life, end);
    begin(life).catch(end);
    const reason = await ended;
    over.abort(reason);
    clearInterval(stallCheck);
    joined = fetched = false;
    member = undefined;
    await closeBounded(life.consumer);
    return reason;
  };

  const supervise = async (): Promise<void> => {
    while (!stopping) {
      const startedAt = performance.now();
      const error = await live();
      if (stopping) return;
      onRestart();
      restarts = performance.now() - startedAt > 60_000 ? 0 : restarts + 1;
      const retryInMs = Math.min(500 * 2 ** restarts, 5_000);
      logger.warn('consumer ended, building it anew', { error, retryInMs });
      await delay(retryInMs);
    }
  };

  return {
    start: (): void => {
      finished = supervise();
    },
    /** Ends the live consumer and builds a new one, which begins at the committed offsets. */
    restart: (reason: unknown): void => giveUp(reason),
    /** Leaves the group and closes; takes at most 5 s. */
    stop: async (): Promise<void> => {
      stopping = true;
      giveUp(undefined);
      await Promise.race([finished, delay(CLOSE_TIMEOUT_MS)]);
    },
    /** A sign of life that KafkaJS emits no event for, such as progress inside a long batch. */
    sign,
    /** The live consumer, once it has joined its group: for commits, also while it joins anew. */
    member: (): Consumer | undefined => member,
    /**
     * Has fetched, and a fetch or heartbeat succeeded within the last 5 s while it was in its group. A rebalance, in which all members wait
     * for each other, is shorter: would each say no meanwhile, nobody would be left to serve.
     */
    healthy: (): boolean => fetched && performance.now() - lastJoined < STALE_MS,
  };
};
