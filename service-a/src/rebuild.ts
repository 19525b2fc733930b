import { randomUUID } from 'node:crypto';
import winston from 'winston';
import { loadEnv, registryOf, securityOf, type Env } from './config/env';
import { createLook, refusalSeen } from './kafka/access';
import { createKafka } from './kafka/client';
import { createCodec } from './kafka/codec';
import { createRegistryClient } from './kafka/registry-client';
import { openFreshTables } from './rebuild/fresh-tables';
import { createLogCopy } from './rebuild/read-log';
import { createProgress } from './utils/progress';

const HELP = `Usage: rebuild [--help]

Reads the three topics from their beginning into fresh tables beside those in use, takes over what the log no longer holds, and puts them in
the place of those in use. Replicas serve meanwhile; only for the last step they wait, a second and a half at most. It needs room for a second
set of tables. Stopped or broken off, it changes nothing, and can be run again.

Settings are those of service-a: DATABASE_URL, KAFKA_BROKERS, KAFKA_GROUP_ID and the topics.
Exit codes: 0 done, 1 failed or another rebuild is running, 2 not understood, 130 and 143 stopped by a signal.`;

/** Somebody asked the program to end: `exitCode` is 128 and the number of the signal. */
class Stopped extends Error {
  override readonly name = 'Stopped';

  constructor(readonly exitCode: number) {
    super('stopped; nothing was changed');
  }
}

const progress = createProgress(process.stderr);

const say = (text: string): void => {
  progress.clear();
  process.stderr.write(`${text}\n`);
};

/** Records that are skipped and connections that are lost are told in lines of their own; what the Kafka client says beside that is not. */
const logger = winston.createLogger({ silent: true });

/** Aborts at the first signal; the second one ends the process at once. */
const stopOnSignal = (): AbortSignal => {
  const stop = new AbortController();
  for (const [signal, exitCode] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCode);
      stop.abort(new Stopped(exitCode));
    });
  }
  return stop.signal;
};

const rebuild = async (env: Env, url: string): Promise<void> => {
  const startedAt = Date.now();
  const seconds = (): number => (Date.now() - startedAt) / 1_000;
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC };
  const security = securityOf(env);
  const client = { brokers: env.KAFKA_BROKERS, clientId: `${env.KAFKA_CLIENT_ID}-rebuild`, security };
  const groupId = `${env.KAFKA_GROUP_ID}.rebuild.${randomUUID()}`;
  const look = createLook({ ...client, needs: { Read: Object.values(topics), Write: [], groups: [groupId] } });
  const refused = new AbortController();
  const signal = AbortSignal.any([stopOnSignal(), refused.signal]);
  const refusedNow = await refusalSeen(look, security);
  if (refusedNow !== undefined) throw refusedNow;
  const kafka = createKafka({ ...client, logger });
  const registry = registryOf(env);
  const codec = createCodec({ topics, registry: registry && createRegistryClient(registry), logger });
  const fresh = await openFreshTables({ url, topics: Object.values(topics), logger });
  try {
    const copy = createLogCopy({
      kafka, groupId, codec, topics, fresh, logger,
      // What reads is built anew for as long as it takes: nobody gives it a right meanwhile.
      onRestart: () => void refusalSeen(look, security).then((refusal) => refusal && refused.abort(refusal)),
    });
    const ends = await copy.ends();
    const total = ends.reduce((sum, { low, high }) => sum + Number(high - low), 0);
    say(`rebuild: reading ${total} records`);
    copy.start(ends);
    const show = (): void => {
      const { read } = copy.figures();
      const waiting = codec.checks().schemasReadable ? '' : '; one waits for its schema, and no schema registry answers';
      progress.show(`rebuild: ${read} of ${total} records, ${Math.round(read / seconds())} a second${waiting}`);
    };
    try {
      await copy.caughtUp(ends, show, signal);
      const { read, unreadable } = copy.figures();
      say(`rebuild: read ${read} records in ${seconds().toFixed(1)} s, ${Math.round(read / seconds())} a second; ${unreadable} could not be read`);
      await fresh.takeOverAll((rows) => progress.show(`rebuild: taking over what the log no longer holds, ${rows} rows looked at`), signal);
      const heldFor = await fresh.swap(signal);
      say(`rebuild: done in ${seconds().toFixed(1)} s; the replicas were held up for ${Math.round(heldFor)} ms`);
    } finally {
      await copy.stop();
    }
  } finally {
    await fresh.close();
  }
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const main = async (): Promise<number> => {
  const args = process.argv.slice(2);
  if (args.some((arg) => ['--help', '-h', 'help'].includes(arg))) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  if (args.length > 0) {
    say(`rebuild: ${args.join(' ')} is not understood\n\n${HELP}`);
    return 2;
  }
  try {
    const env = loadEnv();
    if (env.DATABASE_URL === undefined) throw new Error('DATABASE_URL is not set: without a database every start rebuilds the state');
    await rebuild(env, env.DATABASE_URL);
    return 0;
  } catch (error) {
    say(`rebuild: ${reasonOf(error)}`);
    return error instanceof Stopped ? error.exitCode : 1;
  }
};

process.on('uncaughtException', (error) => {
  say(`rebuild: ${reasonOf(error)}; nothing was changed, it can be run again`);
  process.exit(1);
});
void main().then((code) => process.exit(code));
