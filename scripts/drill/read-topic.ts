import { execFile, execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { consoleConsumerOptions, kcatOptions, type Reach } from '../lib/reach';

/**
 * A record as an independent client read it: kcat where it is installed, else Kafka's own console consumer. In headers one character stands
 * for one byte, and null for a header without a value. (The console consumer takes a colon in a name for the end of it.)
 */
export type TopicRecord = {
  partition: number;
  offset: number;
  appendedAt: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: [name: string, value: string | null][];
};

const run = promisify(execFile);
const OUTPUT_LIMIT = 2 ** 30;
/** Some hundred thousand records take seconds. */
const KCAT_MS = 60_000;
const kafkaSh = resolve(__dirname, '../../kafka/kafka.sh');

const hasKcat = (): boolean => {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const bytesOf = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'latin1'));

/** What no record contains, and no other mark. */
const newMark = (): string => `\u0001${Math.random()}\u0001`;

/** One line of `kcat -J`. It writes bytes into JSON as they are: read as Latin-1, each is one character. */
type KcatRecord = {
  partition: number; offset: number; ts: number; headers?: (string | null)[]; key: string | null; payload: string | null;
};

/** kcat, told to end at the end of a topic, now and then stays there for ever when the topic grows meanwhile: then it is asked again. */
const kcatOutput = async (args: string[], tries = 3): Promise<string> => {
  try {
    return (await run('kcat', args, { encoding: 'latin1', maxBuffer: OUTPUT_LIMIT, timeout: KCAT_MS, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    if (tries > 1 && (error as { signal?: unknown }).signal === 'SIGKILL') return kcatOutput(args, tries - 1);
    throw error;
  }
};

const byKcat = async (reach: Reach, topic: string): Promise<TopicRecord[]> => {
  const stdout = await kcatOutput([...kcatOptions(reach), '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J']);
  return stdout.split('\n').slice(0, -1).map((line) => {
    const { partition, offset, ts, headers = [], key, payload } = JSON.parse(line) as KcatRecord;
    // Names and values in turn.
    const pairs = headers.flatMap((name, index): TopicRecord['headers'] => (index % 2 === 0 ? [[name ?? '', headers[index + 1] ?? null]] : []));
    return { partition, offset, appendedAt: ts, key: bytesOf(key), value: bytesOf(payload), headers: pairs };
  });
};

const byConsoleConsumer = async (reach: Reach, topic: string): Promise<TopicRecord[]> => {
  const [mark, nextHeader, noValue] = [newMark(), newMark(), newMark()];
  const properties = Object.entries({
    'print.partition': 'true', 'print.offset': 'true', 'print.timestamp': 'true', 'print.headers': 'true', 'print.key': 'true',
    'key.separator': mark, 'headers.separator': nextHeader, 'line.separator': `${mark}\n`, 'null.literal': noValue,
  }).flatMap(([name, value]) => ['--property', `${name}=${value}`]);
  const { stdout } = await run('bash', [kafkaSh, 'console-consumer', ...consoleConsumerOptions(reach), '--topic', topic, '--from-beginning',
    '--timeout-ms', '5000', ...properties], { encoding: 'latin1', maxBuffer: OUTPUT_LIMIT });
  const textOf = (text: string): string | null => (text === noValue ? null : text);
  const headerOf = (text: string): TopicRecord['headers'][number] => {
    const end = text.indexOf(':');
    return [text.slice(0, end), textOf(text.slice(end + 1))];
  };
  return stdout.split(`${mark}\n`).slice(0, -1).map((line) => {
    const [time = '', partition = '', offset = '', headers = '', key = '', value = ''] = line.split(mark);
    return {
      partition: Number(partition.split(':')[1]), offset: Number(offset.split(':')[1]), appendedAt: Number(time.split(':')[1]),
      key: bytesOf(textOf(key)), value: bytesOf(textOf(value)), headers: headers === 'NO_HEADERS' ? [] : headers.split(nextHeader).map(headerOf),
    };
  });
};

/** Every record of a topic, from its beginning to its end of now. */
export const readTopic = (reach: Reach, topic: string): Promise<TopicRecord[]> =>
  (hasKcat() ? byKcat : byConsoleConsumer)(reach, topic);

/** The same of the three topics of a stage. */
export const readTopics = async (reach: Reach, topics: Record<'orders' | 'payments' | 'deadLetters', string>) => ({
  orders: await readTopic(reach, topics.orders),
  payments: await readTopic(reach, topics.payments),
  deadLetters: await readTopic(reach, topics.deadLetters),
});
