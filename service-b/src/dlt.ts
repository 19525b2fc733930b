import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Kafka } from 'kafkajs';
import winston from 'winston';
import { dltSecurityOf, loadEnv, registryOf, type Env } from './config/env';
import { readCommand, UsageError, type Command, type RedriveCommand } from './dead-letters/command';
import { createDecodeOriginal } from './dead-letters/decode';
import { verdictText } from './dead-letters/format';
import { list, show, stats, type Found } from './dead-letters/inspect';
import { createLog, type Log } from './dead-letters/log';
import type { Outcome } from './dead-letters/redrive';
import { runRedrive } from './dead-letters/run-redrive';
import { createLook, refusalSeen } from './kafka/access';
import { createKafka } from './kafka/client';
import { createCodec } from './kafka/codec';
import { createLogReader, NoAnswerError } from './kafka/log-reader';
import { createRegistryClient } from './kafka/registry-client';
import { createProgress } from './utils/progress';

/** Somebody asked the program to end: `exitCode` is 128 and the number of the signal. */
class Stopped extends Error {
  override readonly name = 'Stopped';

  constructor(readonly exitCode: number) {
    super('stopped');
  }
}

/** What matters of a failure is in the error that is thrown. */
const silent = winston.createLogger({ silent: true });
const progress = createProgress(process.stderr);

const print = (text: string): void => {
  progress.clear();
  if (text !== '') process.stdout.write(`${text}\n`);
};

const remark = (text: string): void => {
  progress.clear();
  process.stderr.write(`${text}\n`);
};

/** Aborts at the first signal; the second one ends the process at once. */
const stopOnSignal = (): AbortSignal => {
  const stop = new AbortController();
  let askedAt = 0;
  for (const [signal, exitCode] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.on(signal, () => {
      // npm passes a Ctrl+C on that the terminal has sent here already, so only a later one is a second one.
      if (stop.signal.aborted && Date.now() - askedAt > 1_000) process.exit(exitCode);
      if (stop.signal.aborted) return;
      askedAt = Date.now();
      stop.abort(new Stopped(exitCode));
    });
  }
  return stop.signal;
};

type Session = { env: Env; kafka: Kafka; log: Log; signal: AbortSignal };

/** Whether the person at the terminal wants it. @throws when there is no terminal */
const confirm = async (count: number, signal: AbortSignal): Promise<boolean> => {
  if (!process.stdin.isTTY) throw new Error(`that would put ${count} dead letters back: add --yes, as there is no terminal to ask at`);
  progress.clear();
  process.stderr.write(`Put ${count} dead letters back? (y/N) `);
  const lines = createInterface({ input: process.stdin, signal });
  const { value } = await lines[Symbol.asyncIterator]().next() as IteratorResult<string, undefined>;
  lines.close();
  if (value === undefined) process.stderr.write('\n');
  signal.throwIfAborted();
  return /^y(es)?$/i.test(value?.trim() ?? '');
};

const redrive = async (command: RedriveCommand, { env, kafka, log, signal }: Session): Promise<Outcome> => {
  const outcome = await runRedrive(command, {
    kafka,
    log,
    topics: { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC, deadLetters: env.DLT_TOPIC },
    max: env.REDRIVE_MAX,
    confirm: async ({ toPutBack }) => command.yes || toPutBack === 1 || confirm(toPutBack, signal),
    judged: (position, candidate, reason) => print(verdictText(position, candidate, reason)),
    onRedriven: (_position, count, { toPutBack }) => progress.show(`${count} of ${toPutBack} put back`),
    signal,
    logger: silent,
  });
  return outcome.stopped === undefined ? outcome : { ...outcome, stopped: await explained(outcome.stopped, command, env) };
};

/** What the command has to be allowed to do. */
const needsOf = (command: Command, { DLT_TOPIC, PAYMENTS_TOPIC, ORDERS_TOPIC, KAFKA_GROUP_ID }: Env) => ({
  Read: command.name === 'redrive' ? [DLT_TOPIC, PAYMENTS_TOPIC, ORDERS_TOPIC] : [DLT_TOPIC],
  Write: command.name === 'redrive' && !command.dryRun ? [ORDERS_TOPIC] : [],
  groups: [`${KAFKA_GROUP_ID}.dlt.${randomUUID()}`],
  groupsSeen: command.name === 'redrive' ? [KAFKA_GROUP_ID] : [],
});

/** An error that says what is refused, where that is why the command failed. */
const explained = async (error: unknown, command: Command, env: Env): Promise<unknown> => {
  // Whoever said nothing for so long will not say more now.
  if (error instanceof Stopped || (error instanceof Error && error.cause instanceof NoAnswerError)) return error;
  const security = dltSecurityOf(env);
  const look = createLook({ brokers: env.KAFKA_BROKERS, clientId: `${env.KAFKA_CLIENT_ID}-dlt`, security, needs: needsOf(command, env) });
  return await refusalSeen(look, security) ?? error;
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Says what became of a redrive. @returns the exit code */
const report = ({ chosen, skipped, toPutBack, putBack, refused, stopped }: Outcome, { dryRun }: RedriveCommand): number => {
  print([
    `chosen    ${chosen}`,
    ...[...skipped].map(([reason, count]) => `skipped   ${count}: ${reason}`),
    dryRun ? `would put back  ${toPutBack}` : `put back  ${putBack}${putBack === toPutBack ? '' : ` of ${toPutBack}`}`,
  ].join('\n'));
  if (refused.length > 0) remark(`the topic takes no record as large as these: ${refused.join(', ')}`);
  if (stopped !== undefined) remark(`dlt: ${reasonOf(stopped)}; run it again to go on`);
  if (stopped instanceof Stopped) return stopped.exitCode;
  return dryRun || putBack === toPutBack ? 0 : 1;
};

const decoderOf = (env: Env, signal: AbortSignal) => {
  const registry = registryOf(env);
  const topics = { orders: env.ORDERS_TOPIC, payments: env.PAYMENTS_TOPIC };
  const codec = createCodec({ topics, registry: registry && createRegistryClient(registry), logger: silent });
  return createDecodeOriginal({ codec, hasRegistry: registry !== undefined, signal });
};

const execute = async (command: Exclude<Command, { name: 'help' }>, env: Env): Promise<number> => {
  const signal = stopOnSignal();
  const kafka = createKafka({
    brokers: env.KAFKA_BROKERS,
    clientId: `${env.KAFKA_CLIENT_ID}-dlt`,
    security: dltSecurityOf(env),
    logger: silent,
  });
  const reader = createLogReader({ kafka, brokers: env.KAFKA_BROKERS, groupId: env.KAFKA_GROUP_ID });
  const log = createLog({ reader, progress: progress.show, signal });
  const tell = ({ text, remark: said }: Found): number => {
    print(text);
    if (said !== undefined) remark(said);
    return 0;
  };
  try {
    switch (command.name) {
      case 'list': return tell(await list(log, env.DLT_TOPIC, command));
      case 'show': return tell(await show(log, env.DLT_TOPIC, command, decoderOf(env, signal)));
      case 'stats': return tell(await stats(log, env.DLT_TOPIC, command));
      case 'redrive': return report(await redrive(command, { env, kafka, log, signal }), command);
    }
  } catch (error) {
    throw await explained(error, command, env);
  } finally {
    await reader.close();
  }
};

const main = async (): Promise<number> => {
  try {
    const command = readCommand(process.argv.slice(2), Date.now());
    if (command.name !== 'help') return await execute(command, loadEnv());
    print(command.text);
    return 0;
  } catch (error) {
    remark(`dlt: ${reasonOf(error)}`);
    if (error instanceof Stopped) return error.exitCode;
    return error instanceof UsageError ? 2 : 1;
  }
};

// `dlt list | head` closes the pipe: nobody reads on.
process.stdout.on('error', () => process.exit());
process.on('uncaughtException', (error) => {
  remark(`dlt: ${reasonOf(error)}`);
  process.exit(1);
});
void main().then((code) => process.stdout.write('', () => process.exit(code)));
