import type { Kafka } from 'kafkajs';
import { createOrderConsumer } from '../../src/kafka/consumer';
import type { ProcessRecord } from '../../src/kafka/intake';
import { aCluster, CODES, records } from '../support/cluster';
import { deferred, recordingLogger } from '../support/fakes';

const until = async (what: string, condition: () => boolean, ms = 4_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`still not so: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

/** A consumer, and how often each record, as `<partition>:<offset>`, had its outcome. */
const consuming = (kafka: Kafka, before: (record: string, signal: AbortSignal) => Promise<void> | undefined = () => undefined) => {
  const outcomes = new Map<string, number>();
  const process: ProcessRecord = async ({ partition, message }, signal) => {
    const record = `${partition}:${message.offset}`;
    await before(record, signal);
    outcomes.set(record, (outcomes.get(record) ?? 0) + 1);
  };
  const { logger, lines } = recordingLogger();
  const told: string[] = [];
  const consumer = createOrderConsumer({
    kafka, topic: 'orders', groupId: 'g', process,
    onJoin: () => void told.push('joined'), onRestart: () => void told.push('restarted'), logger,
  });
  consumer.start();
  const countOf = (partition: number): number => [...outcomes.keys()].filter((record) => record.startsWith(`${partition}:`)).length;
  return { consumer, outcomes, countOf, lines, told };
};

describe('13 a leader moves', () => {
  test('When one broker says it is not the leader, then no record of another one is skipped, none is handled twice, and the place in the group is kept', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2], logs: [[], records(100)] });
    const gate = deferred();
    const { consumer, outcomes, countOf } = consuming(kafka, (record) => (record.startsWith('1:') ? gate.promise : undefined));
    await until('all are taken in', () => state.fetches.includes('1:0-99'));
    state.fetchErrors.set(1, CODES.notLeader);
    await until('the error is met', () => state.fetchErrors.size === 0);
    state.logs[1]!.push(...records(10, 100));
    await until('the newer ones are read', () => state.fetches.includes('1:100-109'));
    expect(state.committed.get(1)).toBeUndefined();
    gate.resolve();
    await until('all are committed', () => state.committed.get(1) === 110);
    await consumer.stop();
    expect([countOf(1), Math.max(...outcomes.values()), state.joins]).toEqual([110, 1, 1]);
  });

  test('When the old leader and the new one are asked from one position, then nothing is dropped, passed by or handled twice', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2, 1], logs: [records(10), [], []] });
    const [answerOfOld, answerOfNew, gate] = [deferred(), deferred(), deferred()];
    state.fetchWaits.set(1, answerOfOld.promise);
    const { consumer, outcomes, lines } = consuming(kafka, () => gate.promise);
    await until('the old leader is asked', () => state.joins === 1 && !state.fetchWaits.has(1));
    state.leaders[0] = 2;
    await until('the new one has answered', () => state.fetches.includes('0:0-9'));
    state.logs[0]!.push(...records(10, 10));
    await until('it has answered again', () => state.fetches.includes('0:10-19'));
    state.fetchWaits.set(2, answerOfNew.promise);
    await until('all of that is taken in', () => !state.fetchWaits.has(2));
    answerOfOld.resolve();
    await until('the old one has answered too', () => state.fetches.includes('0:0-19'));
    state.fetchWaits.set(1, answerOfNew.promise);
    await until('that is passed', () => !state.fetchWaits.has(1));
    state.logs[0]!.push(...records(1, 20));
    answerOfNew.resolve();
    await until('it is read on', () => state.fetches.includes('0:20-20'));
    expect([state.committed.get(0), lines.filter(({ message }) => message === 'the log begins anew')]).toEqual([undefined, []]);
    gate.resolve();
    await until('all are committed', () => state.committed.get(0) === 21);
    await consumer.stop();
    expect([outcomes.size, Math.max(...outcomes.values())]).toEqual([21, 1]);
  });

  test('When the member joins anew while a batch is fetched, then what was fetched for the former generation moves no position', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2], logs: [[], records(100)] });
    const gate = deferred();
    const { consumer, outcomes, countOf } = consuming(kafka, () => gate.promise);
    await until('all are taken in', () => state.fetches.includes('1:0-99'));
    const answer = deferred();
    state.fetchWaits.set(2, answer.promise);
    await until('the next fetch waits', () => !state.fetchWaits.has(2));
    // A topic that is not known makes a member join anew.
    state.fetchErrors.set(1, CODES.unknownTopic);
    await until('it joined anew', () => state.joins === 2);
    state.logs[1]!.push({ offset: 100, isControlRecord: true }, ...records(10, 101));
    answer.resolve();
    gate.resolve();
    await until('all are committed', () => state.committed.get(1) === 111);
    await consumer.stop();
    expect([countOf(1), Math.max(...outcomes.values())]).toEqual([110, 1]);
  });

  test('When the member joins anew under another id while a batch is fetched, then what was under way is handled, and not passed by', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2], logs: [[], records(100)] });
    const { consumer, countOf } = consuming(kafka, (_record, signal) => (state.joins === 1 ? untilAborted(signal) : undefined));
    await until('all are taken in', () => state.fetches.includes('1:0-99'));
    const answer = deferred();
    state.fetchWaits.set(2, answer.promise);
    await until('the next fetch waits', () => !state.fetchWaits.has(2));
    state.memberId = 'another';
    state.fetchErrors.set(1, CODES.unknownTopic);
    await until('it joined anew', () => state.joins === 2);
    state.logs[1]!.push(...records(10, 100));
    answer.resolve();
    await until('all are committed', () => state.committed.get(1) === 110);
    await consumer.stop();
    expect(countOf(1)).toBe(110);
  });

  test('When the member joins anew and once more under another id, then what was not fetched in between is read from where the group is', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2], logs: [[], records(100)] });
    const { consumer, countOf } = consuming(kafka, (_record, signal) => (state.joins < 3 ? untilAborted(signal) : undefined));
    await until('all are taken in', () => state.fetches.includes('1:0-99'));
    const answer = deferred();
    state.fetchWaits.set(2, answer.promise);
    await until('the next fetch waits', () => !state.fetchWaits.has(2));
    state.fetchErrors.set(1, CODES.unknownTopic);
    await until('it joined anew', () => state.joins === 2);
    state.memberId = 'another';
    state.fetchErrors.set(1, CODES.unknownTopic);
    await until('it joined once more', () => state.joins === 3);
    state.logs[1]!.push(...records(10, 100));
    answer.resolve();
    await until('all are committed', () => state.committed.get(1) === 110);
    await consumer.stop();
    expect(countOf(1)).toBe(110);
  });

  test('When two brokers give a reason to join anew at once, then it joins once', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 2], logs: [[], []] });
    const { consumer, countOf } = consuming(kafka);
    await until('joined', () => state.joins === 1);
    const answer = deferred();
    for (const broker of [1, 2]) {
      state.fetchWaits.set(broker, answer.promise);
      state.fetchErrors.set(broker, CODES.unknownTopic);
    }
    await until('both fetches wait', () => state.fetchWaits.size === 0);
    answer.resolve();
    state.logs.forEach((log) => log.push(...records(5)));
    await until('all are handled', () => countOf(0) + countOf(1) === 10);
    await consumer.stop();
    expect(state.joins).toBe(2);
  });

  test('When the coordinator moves, then the place in the group is kept, and offsets are committed to the new one', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(5)] });
    const { consumer, told } = consuming(kafka);
    await until('committed', () => state.committed.get(0) === 5);
    state.coordinator = 2;
    state.logs[0]!.push(...records(5, 5));
    await until('committed to the new one', () => state.committed.get(0) === 10);
    await consumer.stop();
    expect([state.joins, told]).toEqual([1, ['joined']]);
  });
});

describe('12.6 the log holds what is handed over to nobody', () => {
  test.each([
    ['a mark of a transaction', [...records(5), { offset: 5, isControlRecord: true }], 6],
    ['nothing but marks', [{ offset: 0, isControlRecord: true }, { offset: 1, isControlRecord: true }], 2],
    ['marks between records', [{ offset: 0, isControlRecord: true }, ...records(2, 1), { offset: 3, isControlRecord: true }], 4],
  ])('When it ends with %s, then what is committed reaches the end', async (_what, log, end) => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [log] });
    const { consumer } = consuming(kafka);
    await until('the end is committed', () => state.committed.get(0) === end);
    await consumer.stop();
  });
});

describe('12.9 a rebalance', () => {
  test('When the group rebalances four times under load, then no record is handled twice', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [[]] });
    const { consumer, outcomes } = consuming(kafka);
    for (let round = 1; round <= 4; round += 1) {
      await until('joined', () => state.joins === round);
      state.logs[0]!.push(...records(50, (round - 1) * 50));
      await until('some are handled', () => outcomes.size > (round - 1) * 50 + 20);
      state.heartbeatError = CODES.rebalanceInProgress;
    }
    await until('joined', () => state.joins === 5, 6_000);
    await until('all are committed', () => state.committed.get(0) === 200);
    await consumer.stop();
    expect([outcomes.size, Math.max(...outcomes.values())]).toEqual([200, 1]);
  }, 15_000);

  test('When the member comes back under another id, then it goes on where the group is', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(10)] });
    let isFirst = true;
    const { consumer, outcomes } = consuming(kafka, (_record, signal) => (isFirst ? untilAborted(signal) : undefined));
    await until('taken in', () => state.fetches.length > 0);
    // Meanwhile another member had the partition, and committed.
    isFirst = false;
    state.committed.set(0, 7);
    state.memberId = 'another';
    state.heartbeatError = CODES.unknownMember;
    await until('the rest is handled', () => outcomes.size === 3);
    await consumer.stop();
    expect([...outcomes.keys()]).toEqual(['0:7', '0:8', '0:9']);
  });
});

describe('13 the session was lost', () => {
  /** Another id, as after a process was frozen or cut off. */
  const loseSession = (state: ReturnType<typeof aCluster>['state']): void => {
    state.memberId = 'another';
    state.heartbeatError = CODES.unknownMember;
  };

  test('When a partition was paused then, then it is consumed on', async () => {
    const log = records(300, 0, { headers: { h: Buffer.alloc(100_000) } });
    const { kafka, state } = aCluster({ leaders: [1], logs: [log] });
    let isHeld = true;
    const { consumer, countOf } = consuming(kafka, (_record, signal) => (isHeld ? untilAborted(signal) : undefined));
    await until('it is paused', () => state.fetches.length > 0);
    isHeld = false;
    loseSession(state);
    await until('all are handled', () => countOf(0) === 300);
    await consumer.stop();
  });

  test('When the join that follows is cut off, then it joins once more', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(10)] });
    const { consumer } = consuming(kafka);
    await until('committed', () => state.committed.get(0) === 10);
    state.joinsCutOff = 1;
    loseSession(state);
    await until('it joined', () => state.joins === 2, 6_000);
    await consumer.stop();
  });

  test('When the answer to its assignment is lost, then it joins once more, and its commits are of the generation of now', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(10)] });
    const { consumer } = consuming(kafka);
    await until('committed', () => state.committed.get(0) === 10);
    state.syncsCutOff = 1;
    state.heartbeatError = CODES.rebalanceInProgress;
    await until('it joined', () => state.joins === 2, 6_000);
    state.logs[0]!.push(...records(10, 10));
    await until('all are committed', () => state.committed.get(0) === 20, 10_000);
    await consumer.stop();
  });

  test('When it is stopped while one order is slow and more come, then these are not fetched over and over', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(5)] });
    const gate = deferred();
    const { consumer } = consuming(kafka, (record) => (record === '0:0' ? gate.promise : undefined));
    await until('they are taken in', () => state.fetches.includes('0:0-4'));
    const stopped = consumer.stop();
    state.logs[0]!.push(...records(100, 5));
    const before = state.fetches.length;
    await until('some time has passed', () => state.fetches.length > before + 1);
    gate.resolve();
    await stopped;
    expect(state.fetches.length - before).toBeLessThan(10);
  });

  test('When a record has no outcome, then what else is under way is given up at once, and all of it is handled by the next consumer', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(2)] });
    const joinsWhenGivenUp: number[] = [];
    const { consumer, outcomes } = consuming(kafka, (record, signal) => {
      if (state.joins > 1) return undefined;
      if (record === '0:0') return Promise.reject(new Error('a defect'));
      signal.addEventListener('abort', () => joinsWhenGivenUp.push(state.joins));
      return untilAborted(signal);
    });
    await until('both are handled', () => outcomes.size === 2);
    await consumer.stop();
    expect(joinsWhenGivenUp).toEqual([1]);
  });
});

describe('12.10 a partition stands', () => {
  test('When one order waits and its window is full, then other partitions go on, and it is told after a while which one stands', async () => {
    const { kafka, state } = aCluster({ leaders: [1, 1], logs: [records(10_200), []] });
    const gate = deferred();
    const { consumer, countOf } = consuming(kafka, (record) => (record === '0:0' ? gate.promise : undefined));
    await until('the window is full', () => countOf(0) === 9_999, 15_000);
    state.logs[1]!.push(...records(5).map((record) => ({ ...record, key: `other${record.offset}` })));
    await until('the other partition goes on', () => countOf(1) === 5);
    expect([consumer.healthy(), consumer.standing()]).toEqual([true, []]);
    const now = performance.now();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(now + 10_001);
    expect(consumer.standing()).toEqual([0]);
    clock.mockRestore();
    gate.resolve();
    await until('the rest is handled', () => state.committed.get(0) === 10_200);
    expect(consumer.standing()).toEqual([]);
    await consumer.stop();
  }, 25_000);

  test('12.3 When records have large headers, then these count', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(1_000, 0, { headers: { h: Buffer.alloc(100_000) } })] });
    const gate = deferred();
    let taken = 0;
    const { consumer, countOf } = consuming(kafka, () => {
      taken += 1;
      return gate.promise;
    });
    await until('the window is full', () => state.fetches.length > 0 && taken > 50);
    expect(taken).toBeLessThan(100);
    gate.resolve();
    await until('all are handled', () => countOf(0) === 1_000);
    await consumer.stop();
  });
});

describe('12.10 a record waits', () => {
  test('When it came with others in one answer, then it holds its own bytes, and not those of all', async () => {
    const answer = Buffer.allocUnsafeSlow(1_000_000);
    const { kafka } = aCluster({ leaders: [1], logs: [[{ offset: 0, key: 'k', value: answer.subarray(0, 300) }]] });
    const held: number[] = [];
    const consumer = createOrderConsumer({
      kafka, topic: 'orders', groupId: 'g', onJoin: () => undefined, onRestart: () => undefined, logger: recordingLogger().logger,
      process: async ({ message }) => void held.push(message.value?.buffer.byteLength ?? 0),
    });
    consumer.start();
    await until('it is handled', () => held.length === 1);
    await consumer.stop();
    expect(held).toEqual([301]);
  });
});

describe('one order under keys in small and capital letters', () => {
  test('When the first of its records waits, then the next one waits behind it, and other orders go on', async () => {
    const { kafka } = aCluster({ leaders: [1], logs: [['AB-1', 'ab-1', 'ab-2'].map((key, offset) => ({ offset, key, value: '{}' }))] });
    const gate = deferred();
    const { consumer, outcomes } = consuming(kafka, (record) => (record === '0:0' ? gate.promise : undefined));
    await until('the other order is handled', () => outcomes.has('0:2'));
    expect(outcomes.has('0:1')).toBe(false);
    gate.resolve();
    await until('all are handled', () => outcomes.size === 3);
    expect([...outcomes.keys()]).toEqual(['0:2', '0:0', '0:1']);
    await consumer.stop();
  });
});

describe('the log is another one', () => {
  test('When the topic was made anew while it is consumed, then its records are handled from the beginning', async () => {
    const { kafka, state } = aCluster({ leaders: [1], logs: [records(10)] });
    const { consumer, outcomes, lines } = consuming(kafka);
    await until('committed', () => state.committed.get(0) === 10);
    state.logs[0] = records(3);
    state.fetchErrors.set(1, CODES.offsetOutOfRange);
    await until('handled anew', () => outcomes.get('0:2') === 2);
    await consumer.stop();
    expect(lines.some(({ message }) => message === 'the log begins anew')).toBe(true);
  });
});
