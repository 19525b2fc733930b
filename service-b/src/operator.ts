import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { dltSecurityOf, type Env } from './config/env';
import type { RedriveRequest } from './dead-letters/command';
import { createDecodeOriginal, decodedIn } from './dead-letters/decode';
import { createEvents } from './dead-letters/events';
import { createFollow } from './dead-letters/follow';
import { letterOf } from './dead-letters/letter';
import { createLetters } from './dead-letters/letters';
import { createLog, NothingThereError } from './dead-letters/log';
import type { Outcome, Plan } from './dead-letters/redrive';
import { createRedrives } from './dead-letters/redrives';
import { runRedrive } from './dead-letters/run-redrive';
import { detailView, summaryView } from './dead-letters/view';
import { createKafka } from './kafka/client';
import type { Codec } from './kafka/codec';
import { createLogFetch } from './kafka/log-fetch';
import { createLogReader } from './kafka/log-reader';
import type { DeadLetterRoutesDeps } from './routes/dead-letters';
import { cursorOf } from './routes/letter-query';
import { unavailable, type Problem } from './routes/problem';
import { readPage } from './routes/static-page';
import type { Logger } from './utils/logger';
import { createSlots } from './utils/slots';

/** Where the build leaves it, seen from dist/ and from src/ alike. */
const PAGE = resolve(__dirname, '../dist/page');
/** So long a request waits for the newest dead letters. */
const FIRST_MS = 900;
const TYPES_SHOWN = 100;
/** What a redrive reads in one go, and so what payments wait for. */
const PACE = { pieceBytes: 262_144, restMs: 5 };
const LETTER_BYTES = 1_048_576;
/** Dry runs that wait for the one under way. */
const PLANS_MAX = 10;

const unreadable = (): Problem => unavailable('The dead letters cannot be read now.');

type Hooks = Pick<Parameters<typeof runRedrive>[1], 'confirm' | 'onRedriven' | 'signal'>;

/**
 * What the operator's page shows and does, over a Kafka client of its own, which comes in as the user of the command for dead letters:
 * payments share nothing with it but the process.
 */
export const createOperator = ({ env, codec, logger }: { env: Env; codec: Codec; logger: Logger }) => {
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const clientId = `${env.KAFKA_CLIENT_ID}-dlt`;
  const security = dltSecurityOf(env);
  const kafka = createKafka({ brokers: env.KAFKA_BROKERS, clientId, security, logger });

  const letters = createLetters({ maxBytes: env.DEAD_LETTERS_MAX_BYTES, changed: (letter) => redrives.onLetter(letter) });
  const counts = () => ({ total: letters.size(), types: letters.types().slice(0, TYPES_SHOWN) });
  const events = createEvents({ counts, redrives: () => redrives.list().filter(({ state, pending }) => state === 'running' || pending > 0), logger });
  const stopped = new AbortController();
  const decode = createDecodeOriginal({ codec, hasRegistry: env.SCHEMA_REGISTRY_URL !== undefined, signal: stopped.signal });
  const log = createLogFetch({ kafka, clientId, security, topics: Object.values(topics) });
  const follow = createFollow({
    log, letters, topics, logger,
    wanted: () => events.size() > 0 || redrives.isWaiting(),
    changed: events.changed,
  });

  /** By the rules and the code of the command. */
  const run = async (request: RedriveRequest, { signal, ...hooks }: Hooks): Promise<Outcome> => {
    const reader = createLogReader({ kafka, brokers: env.KAFKA_BROKERS, groupId: env.KAFKA_GROUP_ID, pace: PACE });
    try {
      return await runRedrive(request, {
        kafka, topics, max: env.REDRIVE_MAX, signal, logger, ...hooks, judged: () => undefined,
        log: createLog({ reader, progress: () => undefined, signal }),
      });
    } finally {
      await reader.close();
    }
  };
  const redrives = createRedrives({ run, find: letters.get, moved: events.moved, logger });

  const plans = createSlots(1);
  let planned = 0;
  const plan = async (request: RedriveRequest, signal: AbortSignal): Promise<Plan> => {
    if (planned === PLANS_MAX) throw unavailable('Too many dry runs are waiting.');
    planned += 1;
    try {
      await plans.take(signal);
      try {
        return await run({ ...request, dryRun: true }, { signal, confirm: async () => false, onRedriven: () => undefined });
      } catch (error) {
        if (error instanceof NothingThereError || signal.aborted) throw error;
        logger.debug('a dry run failed', { error });
        throw unreadable();
      } finally {
        plans.release();
      }
    } finally {
      planned -= 1;
    }
  };

  const list: DeadLetterRoutesDeps['list'] = async ({ filter, limit, after }) => {
    await follow.ask(FIRST_MS);
    if (follow.isBlind()) throw unreadable();
    const page = letters.page(filter, limit, after);
    const last = page.letters.at(-1);
    return {
      items: page.letters.map(summaryView),
      next: page.more && last !== undefined ? cursorOf(last) : null,
      ...counts(), total: page.total,
      asOf: new Date(follow.asOf() ?? Date.now()).toISOString(),
      complete: follow.isComplete(), indexed: letters.size(), left: follow.unread(), cut: letters.isCut(),
    };
  };

  const detail: DeadLetterRoutesDeps['detail'] = async (partition, offset) => {
    await follow.ask(FIRST_MS);
    const topic = topics.deadLetters;
    try {
      const isThere = (await log.ends(topic)).some((range) => range.partition === partition && range.from <= offset && offset < range.to);
      if (!isThere) return undefined;
      const { messages: [message] } = await log.fetch({ topic, partition, from: offset, to: offset + 1n }, LETTER_BYTES);
      if (message === undefined) return undefined;
      const record = { topic, partition, message };
      const known = letters.get(`${partition}:${offset}`) ?? letterOf(record);
      const { decoded } = await decodedIn(message.value, decode);
      return detailView(record, known, { decoded, board: env.BOARD_URL, traces: env.TRACES_PAGE_URL });
    } catch (error) {
      logger.debug('a dead letter cannot be read', { partition, offset, error });
      throw unreadable();
    }
  };

  return {
    routes: {
      deadLetters: { list, detail, plan, redrives, events, listened: () => void follow.ask(0) } satisfies DeadLetterRoutesDeps,
      // Without it the API alone.
      page: existsSync(PAGE) ? readPage(PAGE) : [],
    },
    /** Ends all streams. */
    closeStreams: events.close,
    /** Stops the redrive that runs: what is sent stays. */
    stop: async (): Promise<void> => {
      stopped.abort(new Error('shutting down'));
      await Promise.all([redrives.close(), follow.stop()]);
      events.close();
    },
  };
};
