import { SchemaNeededError } from '../../src/kafka/avro';
import { createFollower, type HandleRecord } from '../../src/kafka/follower';
import { pass, passUntil, passWhile } from '../support/clock';
import { abortMark, aCluster, CODES, records, type LogRecord } from '../support/cluster';
import { deferred, recordingLogger } from '../support/fakes';

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/clock'));
jest.setTimeout(20_000);

const mark = (offset: number): LogRecord => ({ offset, isControlRecord: true });

/** The member comes back under another id, as after a process was frozen or cut off. */
const loseSession = (state: ReturnType<typeof aCluster>['state']): void => {
  state.memberId = 'another';
  state.heartbeatError = CODES.unknownMember;
};

/** Records of these times. */
const at = (...times: number[]): LogRecord[] => times.map((time, offset) => ({ offset, value: '{}', timestamp: String(time) }));

/** Needs a schema for one record, until it is known. */
const needing = (record: string) => {
  const known = deferred();
  let isKnown = false;
  void known.promise.then(() => {
    isKnown = true;
  });
  const load = (signal: AbortSignal): Promise<void> => Promise.race([
    known.promise, new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  ]);
  const before = (one: string): void => {
    if (one === record && !isKnown) throw new SchemaNeededError('orders-value', 7, load);
  };
  return { known, before };
};

describe('a follower of the log', () => {
  const stops: (() => Promise<void>)[] = [];
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  });
  afterEach(async () => {
    await passWhile(Promise.all(stops.splice(0).map((stop) => stop())));
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  type Options = { leaders?: number[]; before?: (record: string) => void; prepare?: (state: ReturnType<typeof aCluster>['state']) => void };

  /** A follower, and the records that it handled, as `<partition>:<offset>`; `before` may throw instead. */
  const following = (logs: LogRecord[][], options: Options = {}) => {
    const { leaders = logs.map(() => 1), before = () => undefined, prepare = () => undefined } = options;
    const { kafka, state } = aCluster({ leaders, logs });
    prepare(state);
    const groups = jest.spyOn(kafka, 'consumer');
    const handled: string[] = [];
    const handle: HandleRecord = ({ partition, message }) => {
      const record = `${partition}:${message.offset}`;
      before(record);
      handled.push(record);
    };
    const { logger, lines } = recordingLogger();
    const told: string[] = [];
    const follower = createFollower({
      kafka, groupId: 'g', topics: ['orders'], handle, onJoin: () => void told.push('joined'), onRestart: () => void told.push('restarted'), logger,
    });
    stops.push(follower.stop);
    follower.start();
    return {
      follower, state, handled, lines, told,
      groups: () => groups.mock.calls.map(([{ groupId }]) => groupId),
      positions: () => follower.positions().map(({ next }) => Number(next)),
      said: (message: string) => lines.filter((line) => line.message === message),
    };
  };

  describe('12.13 it rebuilds the state', () => {
    test('When partitions hold records of different times, then these are handled by their times, and it has caught up behind the last of them', async () => {
      const caughtUp: boolean[] = [];
      const { follower, handled, said } = following([at(1, 4, 5), at(2, 3, 6)], { before: () => void caughtUp.push(follower.caughtUp()) });
      expect(follower.rebuildSeconds()).toBe(0);
      await passUntil(follower.caughtUp);
      expect(handled).toEqual(['0:0', '1:0', '1:1', '0:1', '0:2', '1:2']);
      expect(caughtUp).not.toContain(true);
      expect(follower.rebuildSeconds()).toBeGreaterThan(0);
      expect(said('state is rebuilt')).toMatchObject([{ records: 6 }]);
    });

    test.each<[string, LogRecord[], number, number]>([
      ['a mark of a transaction', [...records(5), mark(5)], 5, 6],
      ['nothing but marks', [mark(0), mark(1)], 0, 2],
      ['marks behind a full batch', [...records(100), mark(100), mark(101)], 100, 102],
      ['a transaction that came to nothing', [...records(2), ...records(3, 2, { isAborted: true }), abortMark(5)], 2, 6],
      ['nothing but such a transaction', [...records(3, 0, { isAborted: true }), abortMark(3)], 0, 4],
      ['a record behind a gap', [...records(2), ...records(1, 7)], 3, 8],
    ])('When a partition ends with %s, then it has caught up at its end', async (_what, log, count, end) => {
      const { follower, handled, positions } = following([log, records(1)]);
      await passUntil(follower.caughtUp);
      expect([handled.filter((record) => record.startsWith('0:')).length, positions()]).toEqual([count, [end, 1]]);
    });

    test('When nothing is there, then it has caught up as soon as it knows', async () => {
      const { follower } = following([[], []]);
      expect(follower.caughtUp()).toBe(false);
      await pass(1);
      expect(follower.caughtUp()).toBe(true);
    });

    test('When a log begins later, then what was deleted is not waited for', async () => {
      const { follower, handled } = following([records(2, 10), []], { prepare: ({ lows }) => void lows.push(10, 20) });
      await passUntil(follower.caughtUp);
      expect(handled).toEqual(['0:10', '0:11']);
    });

    test('When all that was to be read of a partition is deleted meanwhile, then it is not waited for', async () => {
      const answer = deferred();
      const { follower, handled, state } = following([records(3), records(2)], {
        leaders: [1, 2], prepare: ({ fetchWaits }) => void fetchWaits.set(1, answer.promise),
      });
      await passUntil(() => state.fetches.includes('1:0-1'));
      state.logs[0] = [];
      state.lows[0] = 3;
      answer.resolve();
      await passUntil(follower.caughtUp);
      expect(handled).toEqual(['1:0', '1:1']);
    });

    test('When the broker is not there, then it is asked until it is', async () => {
      let isAway = true;
      const reach = (): Promise<void> => (isAway ? Promise.reject(new Error('refused')) : Promise.resolve());
      const { follower, handled, said } = following([records(2)], { prepare: (state) => void Object.assign(state, { reach }) });
      await pass(2_500);
      expect(said('cannot read the ends of the topics, trying again')).toHaveLength(3);
      isAway = false;
      await passUntil(follower.caughtUp);
      expect(handled).toEqual(['0:0', '0:1']);
    });

    /** Two partitions: the first one is read ahead until it is held back, while nothing comes of the second, whose record is older. */
    const readingAhead = async () => {
      const late = at(1);
      const ahead = following([records(3_000, 0, { timestamp: '2' }), late]);
      await passUntil(() => ahead.said('rebuilding state from the log').length > 0);
      ahead.state.logs[1] = [];
      await passUntil(() => ahead.state.fetches.length === 18);
      return { ...ahead, arrive: () => ahead.state.logs[1]!.push(...late) };
    };

    test('When nothing comes of one partition, then the others wait for it, are held back when enough of them waits, and go on with it', async () => {
      const { arrive, follower, handled, state } = await readingAhead();
      await pass(5_000);
      expect([state.fetches.length, handled, follower.healthy()]).toEqual([18, [], true]);
      arrive();
      await passUntil(follower.caughtUp);
      expect([handled[0], handled.length, new Set(handled).size]).toEqual(['1:0', 3_001, 3_001]);
    });

    test('When the place in the group is lost while records wait for their turn, then each of them is handled once', async () => {
      const { arrive, follower, handled, state } = await readingAhead();
      loseSession(state);
      await passUntil(() => state.joins === 2);
      arrive();
      await passUntil(follower.caughtUp);
      expect([handled[0], handled.length, new Set(handled).size]).toEqual(['1:0', 3_001, 3_001]);
    });
  });

  describe('it follows the log', () => {
    /** One that has caught up with these. */
    const caughtUp = async (logs: LogRecord[][], options?: Options) => {
      const up = following(logs, options);
      await passUntil(() => up.follower.caughtUp() && up.follower.healthy());
      return up;
    };

    test('When records and marks come, then the records are handled, and nothing is left unread behind them', async () => {
      const { handled, positions, state } = await caughtUp([records(2)]);
      state.logs[0]!.push(...records(1, 2), mark(3), ...records(1, 4, { isAborted: true }), abortMark(5));
      await passUntil(() => positions()[0] === 6);
      expect(handled).toEqual(['0:0', '0:1', '0:2']);
    });

    test('When the group has committed, then it begins at the beginning all the same, and commits how far it is', async () => {
      const { handled, state } = await caughtUp([records(10)], { prepare: ({ committed }) => void committed.set(0, 7) });
      expect(handled).toHaveLength(10);
      await passUntil(() => state.committed.get(0) === 10);
    });

    test('12.7 When a partition is added, then it is read from its beginning', async () => {
      const { handled, positions, state } = await caughtUp([records(2)]);
      state.leaders.push(1);
      state.logs.push(records(3));
      await passUntil(() => handled.length === 5);
      expect([handled.slice(2), positions()]).toEqual([['1:0', '1:1', '1:2'], [2, 3]]);
    });

    test('When the member comes back under another id, then it goes on where it stood', async () => {
      const { handled, state } = await caughtUp([records(10)]);
      loseSession(state);
      await passUntil(() => state.joins === 2);
      state.logs[0]!.push(...records(5, 10));
      await passUntil(() => handled.length >= 15);
      expect(new Set(handled).size).toBe(15);
    });

    test('When the broker refuses it, then another consumer is built, and goes on where it stood', async () => {
      const { follower, handled, state, told } = await caughtUp([records(2)]);
      state.fetchErrors.set(1, CODES.topicAuthorizationFailed);
      await passUntil(() => told.includes('restarted'));
      expect(follower.healthy()).toBe(false);
      state.logs[0]!.push(...records(3, 2));
      await passUntil(() => handled.length >= 5);
      expect([new Set(handled).size, told]).toEqual([5, ['joined', 'restarted', 'joined']]);
    });

    test('When it is stopped, then nothing more is handled', async () => {
      const { follower, handled, state } = await caughtUp([records(2)]);
      await passWhile(follower.stop());
      state.logs[0]!.push(...records(5, 2));
      await pass(5_000);
      expect([handled.length, follower.healthy()]).toEqual([2, false]);
    });
  });

  describe('a record cannot be handled', () => {
    test.each(['while the state is rebuilt', 'afterwards'])('When a schema is not known %s, then its record and those behind it wait, as members', async (when) => {
      const { known, before } = needing('0:3');
      const log = records(6);
      const { handled, positions, state } = following([when === 'afterwards' ? [] : [...log]], { before });
      if (when === 'afterwards') {
        await passUntil(() => state.joins === 1);
        state.logs[0]!.push(...log);
      }
      await passUntil(() => handled.length === 3);
      await pass(20_000);
      expect([handled.length, positions(), state.joins, state.fetches]).toEqual([3, [3], 1, ['0:0-5']]);
      known.resolve();
      await passUntil(() => handled.length === 6);
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4', '0:5']);
    });

    test('When the place in the group is lost meanwhile, then each is handled once', async () => {
      const { known, before } = needing('0:3');
      const { handled, state } = following([records(6)], { before });
      await passUntil(() => handled.length === 3);
      loseSession(state);
      await pass(2_000);
      known.resolve();
      await passUntil(() => state.joins === 2);
      state.logs[0]!.push(...records(1, 6));
      await passUntil(() => handled.includes('0:6'));
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4', '0:5', '0:6']);
    });

    test('When it is stopped meanwhile, then it stops at once', async () => {
      const { before } = needing('0:3');
      const { follower, handled } = following([records(6)], { before });
      await passUntil(() => handled.length === 3);
      const from = Date.now();
      await passWhile(follower.stop());
      expect(Date.now() - from).toBeLessThan(2_000);
    });

    test('When the handler fails, then the error is thrown where nobody catches it, and nothing behind the record is handled', async () => {
      const thrown: unknown[] = [];
      const { nextTick } = process;
      jest.spyOn(process, 'nextTick').mockImplementation((run, ...args: unknown[]) => nextTick(() => {
        try {
          (run as (...given: unknown[]) => void)(...args);
        } catch (error) {
          thrown.push(error);
        }
      }));
      const defect = new Error('a defect');
      const { handled } = following([records(6)], {
        before: (record) => {
          if (record === '0:3') throw defect;
        },
      });
      await passUntil(() => thrown.length > 0);
      expect([thrown[0], handled]).toEqual([defect, ['0:0', '0:1', '0:2']]);
    });
  });

  describe('the group keeps it waiting', () => {
    const keptWaiting = (options?: Options) => {
      const join = deferred();
      return { ...following([records(5)], { ...options, prepare: ({ joinWaits }) => void joinWaits.set('g', join.promise) }), join };
    };

    test('When that takes longer than half a second, then it reads in a group of its own, and goes on as a member once it is let in', async () => {
      const { follower, groups, handled, join, state, told } = keptWaiting();
      await pass(400);
      expect(groups()).toEqual(['g']);
      await passUntil(follower.caughtUp);
      expect([follower.healthy(), groups().length]).toEqual([true, 2]);
      expect(groups()[1]).toMatch(/^g\.[0-9a-f-]{36}$/);
      join.resolve();
      await passUntil(() => state.joins === 2);
      state.logs[0]!.push(...records(5, 5));
      await passUntil(() => handled.length >= 10 && state.committed.get(0) === 10);
      await pass(5_000);
      expect([new Set(handled).size, follower.healthy(), groups().length, told]).toEqual([10, true, 2, ['joined', 'joined']]);
      expect(state.left).toEqual([groups()[1]]);
    });

    test('When it is let in while the other one waits for a schema, then each record is handled once', async () => {
      const { known, before } = needing('0:3');
      const { follower, handled, join, state } = keptWaiting({ before });
      await passUntil(() => handled.length === 3);
      join.resolve();
      await passUntil(() => state.joins === 2);
      await pass(5_000);
      known.resolve();
      await passUntil(follower.caughtUp);
      expect(handled).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4']);
    });

    test('When it is let in at once, then it reads in no other group', async () => {
      const { follower, groups, handled } = following([records(5)]);
      await passUntil(follower.caughtUp);
      await pass(10_000);
      expect([groups(), handled.length]).toEqual([['g'], 5]);
    });

    test('When it is stopped meanwhile, then no other group is begun', async () => {
      const { follower, groups } = keptWaiting();
      await pass(100);
      await passWhile(follower.stop());
      await pass(10_000);
      expect(groups()).toEqual(['g']);
    });
  });
});
