import { execFile, execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * A record as an independent client read it: kcat where it is installed, else Kafka's own console consumer. Both print headers as text,
 * so these are only told apart if no comma is in them; one character stands for one byte.
 */
export type TopicRecord = {
  partition: number;
  offset: number;
  appendedAt: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: [name: string, value: string][];
};

const run = promisify(execFile);
const OUTPUT_LIMIT = 2 ** 30;
const kafkaSh = resolve(__dirname, '../../kafka/kafka.sh');

const hasKcat = (): boolean => {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Cuts `count` bytes off at a time; -1 stands for null. */
const reader = (bytes: Buffer) => {
  let at = 0;
  return {
    done: (): boolean => at >= bytes.length,
    word: (): number => {
      const end = bytes.indexOf(0x20, at);
      const word = Number(bytes.toString('latin1', at, end));
      at = end + 1;
      return word;
    },
    until: (mark: string): string => {
      const end = bytes.indexOf(mark, at, 'latin1');
      const text = bytes.toString('latin1', at, end);
      at = end + mark.length;
      return text;
    },
    take: (count: number): Buffer | null => {
      const taken = count < 0 ? null : bytes.subarray(at, at + count);
      at += Math.max(count, 0);
      return taken;
    },
  };
};

const headersOf = (text: string, separator: string): TopicRecord['headers'] => text.split(',').filter((part) => part !== '').map((part) => {
  const [name = '', ...value] = part.split(separator);
  return [name, value.join(separator)];
});

/** What no record contains. */
const newMark = (): string => `\u0001${Math.random()}\u0001`;

const byKcat = async (brokers: string, topic: string): Promise<TopicRecord[]> => {
  const mark = newMark();
  // Lengths before contents, so that any bytes can be told apart.
  const { stdout } = await run('kcat',
    ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', `%p %o %T %K %S %k%s%h${mark}`],
    { encoding: 'buffer', maxBuffer: OUTPUT_LIMIT });
  const input = reader(stdout);
  const records: TopicRecord[] = [];
  while (!input.done()) {
    const [partition, offset, appendedAt, keyLength, valueLength] = [input.word(), input.word(), input.word(), input.word(), input.word()];
    const [key, value] = [input.take(keyLength), input.take(valueLength)];
    records.push({ partition, offset, appendedAt, key, value, headers: headersOf(input.until(mark), '=') });
  }
  return records;
};

const byConsoleConsumer = async (brokers: string, topic: string): Promise<TopicRecord[]> => {
  const mark = newMark();
  const properties = Object.entries({
    'print.partition': 'true', 'print.offset': 'true', 'print.timestamp': 'true', 'print.headers': 'true', 'print.key': 'true',
    'key.separator': mark, 'line.separator': `${mark}\n`, 'null.literal': `${mark}null`,
  }).flatMap(([name, value]) => ['--property', `${name}=${value}`]);
  const { stdout } = await run('bash', [kafkaSh, 'console-consumer', '--bootstrap-server', brokers, '--topic', topic, '--from-beginning',
    '--timeout-ms', '5000', ...properties], { encoding: 'latin1', maxBuffer: OUTPUT_LIMIT });
  const bytes = (text: string): Buffer | null => (text === `${mark}null` ? null : Buffer.from(text, 'latin1'));
  return stdout.split(`${mark}\n`).slice(0, -1).map((line) => {
    const [time = '', partition = '', offset = '', headers = '', key = '', ...value] = line.split(mark);
    return {
      partition: Number(partition.split(':')[1]), offset: Number(offset.split(':')[1]), appendedAt: Number(time.split(':')[1]),
      key: bytes(key), value: bytes(value.join(mark)), headers: headersOf(headers === 'NO_HEADERS' ? '' : headers, ':'),
    };
  });
};

/** Every record of a topic, from its beginning to its end of now. */
export const readTopic = (brokers: string, topic: string): Promise<TopicRecord[]> =>
  (hasKcat() ? byKcat : byConsoleConsumer)(brokers, topic);
