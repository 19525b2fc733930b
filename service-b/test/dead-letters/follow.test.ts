import { createFollow } from '../../src/dead-letters/follow';
import { createLetters } from '../../src/dead-letters/letters';
import { stateOf } from '../../src/dead-letters/letter';
import type { LogRecord } from '../../src/kafka/log-reader';
import { letterIdOf } from '../../src/kafka/redrive-headers';
import { headersOfPairs, orderIdOf } from '../support/builders';
import { deferred, eventually, recordingLogger } from '../support/fakes';
import { aDeadLetter, aLogRecord, topics } from '../support/log';

/** A log that is a list, of three partitions each. */
const aLog = (records: LogRecord[]) => {
  const fetched: string[] = [];
  let away: Error | undefined;
  const of = (topic: string, partition: number) => records.filter((record) => record.topic === topic && record.partition === partition);
  const answer = <T>(text: T): Promise<T> => (away === undefined ? Promise.resolve(text) : Promise.reject(away));
  return {
    fetched,
    goAway: (error: Error | undefined) => {
      away = error;
    },
    ends: (topic: string) => answer([0, 1, 2].map((partition) =>
      ({ topic, partition, from: 0n, to: BigInt(of(topic, partition).length) }))),
    startAt: () => answer(new Map<number, bigint>()),
    fetch: ({ topic, partition, from, to }: { topic: string; partition: number; from: bigint; to: bigint }) => {
      fetched.push(`${topic} ${partition}: ${from}`);
      // At most ten in a go.
      const next = to - from > 10n ? from + 10n : to;
      return answer({ messages: of(topic, partition).slice(Number(from), Number(next)).map(({ message }) => message), next });
    },
    close: async () => undefined,
  };
};

const aFollow = (records: LogRecord[], maxBytes = 1_000_000) => {
  const log = aLog(records);
  const letters = createLetters({ maxBytes, changed: () => undefined });
  const { logger, lines } = recordingLogger();
  let changes = 0;
  const follow = createFollow({ log, letters, topics, wanted: () => false, changed: () => void (changes += 1), logger, pollMs: 50 });
  follows.push(follow);
  return { log, letters, follow, lines, changes: () => changes };
};
const follows: { stop: () => Promise<void> }[] = [];
afterEach(() => Promise.all(follows.splice(0).map((follow) => follow.stop())));

const lettersOf = (count: number): LogRecord[] => Array.from({ length: count }, (_, number) => aDeadLetter({
  number, partition: number % 3, offset: String(Math.floor(number / 3)), failedAt: new Date(1_000 * number).toISOString(),
}));

test('When nobody asks, then nothing is read', async () => {
  const { log } = aFollow(lettersOf(9));
  await new Promise((resolve) => setImmediate(resolve));
  expect(log.fetched).toEqual([]);
});

test('When somebody asks, then the newest are there first, and in the end all', async () => {
  const { follow, letters } = aFollow(lettersOf(900));
  await follow.ask(1_000);
  expect(letters.size()).toBeLessThan(900);
  expect(letters.page({}, 100).letters.map(({ position }) => position)).toEqual(
    lettersOf(900).reverse().slice(0, 100).map(({ partition, message }) => `${partition}:${message.offset}`),
  );
  expect(follow.isComplete()).toBe(false);
  await eventually(follow.isComplete, 5_000);
  expect([letters.size(), follow.unread()]).toEqual([900, 0]);
});

test('When records of the other topics tell of them, then that is known', async () => {
  const [first, second, third] = lettersOf(3) as [LogRecord, LogRecord, LogRecord];
  const mark = headersOfPairs([['redrive-of', '1:0'], ['redrive-count', '1'], ['redrive-letter', letterIdOf(second.message.value)]]);
  const { follow, letters } = aFollow([
    first, second, third,
    aLogRecord({ topic: topics.payments, key: Buffer.from(orderIdOf(0)) }),
    aLogRecord({ topic: topics.orders, key: Buffer.from(orderIdOf(1)), headers: mark }),
  ]);
  await follow.ask(1_000);
  await eventually(follow.isComplete);
  expect(letters.page({}, 9).letters.map(stateOf)).toEqual(['open', 'putBack', 'paid']);
});

test('When more come, then they are read at the next poll', async () => {
  const records = lettersOf(3);
  const { follow, letters } = aFollow(records);
  await follow.ask(1_000);
  await eventually(follow.isComplete);
  records.push(aDeadLetter({ number: 9, partition: 0, offset: '1' }));
  await eventually(() => letters.size() === 4, 3_000);
});

test('When the broker is away, then it says so once, and goes on when it is back', async () => {
  const { follow, log, letters, lines } = aFollow(lettersOf(3));
  log.goAway(new Error('nobody there'));
  await follow.ask(50);
  expect([follow.isBlind(), letters.size()]).toEqual([true, 0]);
  await eventually(() => lines.length === 2, 3_000);
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'debug']);
  log.goAway(undefined);
  await eventually(follow.isComplete, 3_000);
  expect(follow.isBlind()).toBe(false);
});

test('When the oldest find no room, then they are not asked for any more, and it says that it is not complete', async () => {
  const { follow, log, letters } = aFollow(lettersOf(6_000), 100_000);
  await follow.ask(1_000);
  await eventually(() => follow.unread() === 0, 5_000);
  expect(follow.isComplete()).toBe(false);
  expect(letters.page({}, 1).letters[0]!.failedAt).toBe(5_999_000);
  expect(log.fetched.filter((text) => text.startsWith(topics.deadLetters)).length).toBeLessThan(300);
});

test('When it is stopped while somebody waits, then they wait no longer', async () => {
  const { follow, log } = aFollow(lettersOf(3));
  const never = deferred<never>();
  log.ends = () => never.promise;
  const asked = follow.ask(60_000);
  const stopped = follow.stop();
  await asked;
  never.reject(new Error('closed'));
  await stopped;
});
