import { createLogReader, NoAnswerError, type HandleRecord, type Range } from '../../src/kafka/log-reader';
import { pass, passUntil, passWhile } from '../support/clock';
import { abortMark, aCluster, CODES, records, type LogRecord } from '../support/cluster';
import { deferred } from '../support/fakes';

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/clock'));
jest.setTimeout(20_000);

/** At most so often is the broker told of life. */
const HEARTBEAT_MS = 3_000;

type Before = (record: string, beat: () => Promise<void>) => Promise<void> | void;

const mark = (offset: number): LogRecord => ({ offset, isControlRecord: true });

describe('a reader of stretches of topics', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const aReaderOf = (logs: LogRecord[][], options: { pace?: { pieceBytes: number; restMs: number } } = {}) => {
    const { kafka, state } = aCluster({ leaders: logs.map(() => 1), logs });
    const built = jest.spyOn(kafka, 'consumer');
    const reader = createLogReader({ kafka, brokers: ['kafka:9092'], groupId: 'g', ...options });
    const handled: string[] = [];
    const stopped = new AbortController();
    /** What was handled is kept as `<partition>:<offset>`; `before` is awaited first. */
    const read = (ranges: Range[], before: Before = () => undefined): Promise<void> => {
      const handle: HandleRecord = async ({ partition, message }, beat) => {
        const record = `${partition}:${message.offset}`;
        await before(record, beat);
        handled.push(record);
      };
      return reader.read(ranges, handle, stopped.signal);
    };
    const stop = (reason: Error): void => stopped.abort(reason);
    return { reader, read, handled, state, stop, configs: () => built.mock.calls.map(([config]) => config) };
  };

  /** Offsets `from` up to, and without, `to`. */
  const range = (partition: number, from: number, to: number): Range => ({ topic: 'orders', partition, from: BigInt(from), to: BigInt(to) });
  const whole = async (reader: ReturnType<typeof createLogReader>): Promise<Range[]> => passWhile(reader.rangesOf('orders'));

  describe('what a topic holds', () => {
    test('When it is asked for, then it is all that was not deleted, by partition', async () => {
      const { reader, state } = aReaderOf([records(5), records(3, 10), []]);
      state.lows = [0, 10, 20];
      expect(await whole(reader)).toEqual([range(0, 0, 5), range(1, 10, 13), range(2, 20, 20)]);
    });

    test('When it is asked for since a time, then what is older by more than an hour is left out', async () => {
      const HOUR = 3_600_000;
      const log = [1, 2, 3, 4].map((hours, offset): LogRecord => ({ offset, timestamp: String(hours * HOUR) }));
      const { reader } = aReaderOf([log, records(3)]);
      expect(await passWhile(reader.rangesOf('orders', 4 * HOUR))).toEqual([range(0, 2, 4), range(1, 3, 3)]);
      expect(await passWhile(reader.rangesOf('orders', HOUR))).toEqual([range(0, 0, 4), range(1, 0, 3)]);
    });

    test('When the broker cannot be reached, then the error says where it was asked, for what, and why', async () => {
      const { reader, state } = aReaderOf([records(5)]);
      const cause = new Error('refused');
      state.reach = () => Promise.reject(cause);
      await expect(passWhile(reader.rangesOf('orders'))).rejects
        .toMatchObject({ message: 'Kafka at kafka:9092: cannot read the ends of orders: refused', cause });
    });

    test('When it keeps silent, then that is an error after 10 s', async () => {
      const { reader, state } = aReaderOf([records(5)]);
      state.reach = () => new Promise(() => undefined);
      const from = Date.now();
      const error = await passWhile(reader.rangesOf('orders')).catch((reason: unknown) => reason as Error);
      expect([(error as Error).cause, Date.now() - from]).toEqual([expect.any(NoAnswerError), 10_000]);
    });
  });

  describe('reads', () => {
    test('When ranges are given, then every record of them is handled once, in the order of its partition, and no other', async () => {
      const { read, handled } = aReaderOf([records(250), records(250), records(250)]);
      await passWhile(read([range(0, 90, 210), range(1, 0, 1), range(2, 5, 5)]));
      const of = (partition: number): string[] => handled.filter((record) => record.startsWith(`${partition}:`));
      expect(of(0)).toEqual(Array.from({ length: 120 }, (_record, i) => `0:${90 + i}`));
      expect([of(1), of(2)]).toEqual([['1:0'], []]);
    });

    test.each<[string, LogRecord[], string[]]>([
      ['a mark of a transaction', [...records(2), mark(2)], ['0:0', '0:1']],
      ['nothing but marks', [mark(0), mark(1)], []],
      ['a transaction that came to nothing', [...records(1), ...records(2, 1, { isAborted: true }), abortMark(3)], ['0:0']],
      ['a record behind a gap', [...records(1), ...records(1, 7)], ['0:0', '0:7']],
    ])('When a range ends with %s, then it ends there', async (_what, log, expected) => {
      const { reader, read, handled } = aReaderOf([log]);
      await passWhile(read(await whole(reader)));
      expect(handled).toEqual(expected);
    });

    test('When the last records of a range are gone, then it ends with what comes behind it, which is not handled', async () => {
      const { read, handled } = aReaderOf([[...records(2), ...records(3, 9)]]);
      await passWhile(read([range(0, 0, 5)]));
      expect(handled).toEqual(['0:0', '0:1']);
    });

    test('When more comes meanwhile, then it is not read', async () => {
      const { reader, read, handled, state } = aReaderOf([records(150)]);
      await passWhile(read(await whole(reader), (record) => {
        if (record === '0:0') state.logs[0]!.push(...records(300, 150));
      }));
      expect([handled.length, state.fetches.at(-1)]).toEqual([150, '0:100-199']);
    });

    test('When retention cuts off what is being read, then the rest is read', async () => {
      const { read, handled, state } = aReaderOf([records(200)]);
      await passWhile(read([range(0, 0, 200)], (record) => {
        if (record !== '0:99') return;
        state.logs[0] = records(50, 150);
        state.lows[0] = 150;
        state.fetchErrors.set(1, CODES.offsetOutOfRange);
      }));
      expect([handled.length, handled.at(-1)]).toEqual([150, '0:199']);
    });

    test('When the ranges hold nothing, then no group is made, and none deleted', async () => {
      const { reader, read, configs, state } = aReaderOf([records(5)]);
      await passWhile(read([range(0, 5, 5)]));
      await passWhile(reader.close());
      expect([configs(), state.deletedGroups]).toEqual([[], []]);
    });

    test('When it is closed, then its group, which nobody else is in, is deleted, and nothing was committed', async () => {
      const { reader, read, configs, state } = aReaderOf([records(5)]);
      await passWhile(read([range(0, 0, 5)]));
      await passWhile(read([range(0, 0, 5)]));
      await passWhile(reader.close());
      const groups = new Set(configs().map(({ groupId }) => groupId));
      expect([...groups]).toEqual([expect.stringMatching(/^g\.dlt\.[0-9a-f-]{36}$/)]);
      expect([state.deletedGroups, state.committed.size]).toEqual([[...groups], 0]);
    });

    test('When the group cannot be deleted, then that is left to the broker', async () => {
      const { reader, read, state } = aReaderOf([records(5)]);
      await passWhile(read([range(0, 0, 5)]));
      state.reach = () => Promise.reject(new Error('refused'));
      await passWhile(reader.close());
      expect(state.deletedGroups).toEqual([]);
    });

    test('When a pace is given, then it reads in pieces of that size, and rests behind each', async () => {
      const { read, configs } = aReaderOf([records(300)], { pace: { pieceBytes: 65_536, restMs: 1_000 } });
      const from = Date.now();
      await passWhile(read([range(0, 0, 300)]));
      expect(configs()).toMatchObject([{ maxBytesPerPartition: 65_536 }]);
      expect(Date.now() - from).toBeGreaterThanOrEqual(3_000);
    });
  });

  describe('is disturbed', () => {
    test('When the place with the broker is lost, then it goes on where it stood, and handles nothing twice', async () => {
      const { read, handled, state } = aReaderOf([records(300), records(5)]);
      await passWhile(read([range(0, 0, 300), range(1, 0, 5)], async (record) => {
        if (record !== '0:150') return;
        [state.memberId, state.heartbeatError] = ['another', CODES.unknownMember];
        await pass(HEARTBEAT_MS);
      }));
      expect([state.joins, handled.length, new Set(handled).size]).toEqual([2, 305, 305]);
    });

    test('When a record takes longer than the broker may keep silent, then it is waited for, and the broker is told of life meanwhile', async () => {
      const { read, handled, state } = aReaderOf([records(2)]);
      await passWhile(read([range(0, 0, 2)], async (_record, beat) => {
        for (let second = 0; second < 20; second += 1) {
          await pass(1_000);
          await beat();
        }
      }));
      expect(handled).toEqual(['0:0', '0:1']);
      expect(state.heartbeats).toBeGreaterThanOrEqual(12);
    });

    test('When it is stopped before it begins, then it reads nothing', async () => {
      const { read, configs, stop } = aReaderOf([records(5)]);
      stop(new Error('stopped'));
      await expect(passWhile(read([range(0, 0, 5)]))).rejects.toThrow('stopped');
      expect(configs()).toEqual([]);
    });

    test('When it is stopped while a record is handled, then that is finished first, and no other is begun', async () => {
      const { read, handled, stop } = aReaderOf([records(5)]);
      const gate = deferred();
      const begun: string[] = [];
      const reading = read([range(0, 0, 5)], (record) => {
        begun.push(record);
        return gate.promise;
      });
      let isOver = false;
      reading.catch(() => {
        isOver = true;
      });
      await passUntil(() => begun.length === 1);
      stop(new Error('stopped'));
      await pass(5_000);
      expect(isOver).toBe(false);
      gate.resolve();
      await expect(passWhile(reading)).rejects.toThrow('stopped');
      expect([begun, handled]).toEqual([['0:0'], ['0:0']]);
    });

    test('When it is stopped while it waits for the broker, then it ends at once', async () => {
      const { read, state, stop } = aReaderOf([records(5)]);
      state.fetchWaits.set(1, new Promise(() => undefined));
      const reading = read([range(0, 0, 5)]);
      await passUntil(() => state.fetchWaits.size === 0);
      const from = Date.now();
      stop(new Error('stopped'));
      await expect(passWhile(reading)).rejects.toThrow('stopped');
      // As long as a broker may take to say goodbye.
      expect(Date.now() - from).toBeLessThanOrEqual(3_001);
    });

    test('When a record cannot be handled, then reading ends with that error, and none behind it is handled', async () => {
      const { read, handled } = aReaderOf([records(5)]);
      const defect = new Error('a defect');
      await expect(passWhile(read([range(0, 0, 5)], (record) => {
        if (record === '0:2') throw defect;
      }))).rejects.toBe(defect);
      expect(handled).toEqual(['0:0', '0:1']);
    });

    test('When the broker sends nothing for 15 s, then the error says how far it is', async () => {
      const { read, state } = aReaderOf([records(100), records(3)]);
      const reading = read([range(0, 0, 100), range(1, 0, 50)]);
      reading.catch(() => undefined);
      await passUntil(() => state.fetches.length === 2);
      await expect(passWhile(reading)).rejects.toThrow('Kafka at kafka:9092 sent nothing for 15 s; read so far: orders 1: 3 of 50');
    });

    test('When the broker refuses it, then reading ends with what it says', async () => {
      const { read, state } = aReaderOf([records(5)]);
      state.fetchErrors.set(1, CODES.topicAuthorizationFailed);
      await expect(passWhile(read([range(0, 0, 5)]))).rejects.toThrow('Not authorized to access topics: [Topic authorization failed]');
    });

    test('When it cannot be reached, then reading ends with that', async () => {
      const { read, state } = aReaderOf([records(5)]);
      state.reach = () => Promise.reject(new Error('refused'));
      await expect(passWhile(read([range(0, 0, 5)]))).rejects.toThrow('refused');
    });
  });
});
