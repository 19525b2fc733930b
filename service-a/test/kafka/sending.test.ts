import type { IHeaders, RecordMetadata } from 'kafkajs';
import type { Failure } from '../../src/kafka/send-failure';
import type { Position } from '../../src/kafka/send-queue';
import { createSending } from '../../src/kafka/sending';
import { eventually, recordingLogger } from '../support/fakes';
import { aProducer, aRecord, CODES, cutOff, refusal, unreachable, wrongPassword, type Request } from '../support/producer';

type Answer = (request: Request) => Error | RecordMetadata[] | undefined;

const aSending = ({ leaders = [1, 1, 1], answer, connect }: {
  leaders?: number[];
  answer?: Answer;
  connect?: () => Promise<void>;
} = {}) => {
  const cluster = aProducer({ leaders, onRequest: answer, ...(connect && { connect }) });
  const { logger, lines } = recordingLogger();
  const told: string[] = [];
  const probes: (() => void)[] = [];
  const sending = createSending({
    producer: cluster.producer,
    probe: () => new Promise<void>((resolve) => void probes.push(resolve)),
    topic: 'orders',
    pace: { records: 8, forMs: 0, restMs: 5 },
    onSent: (records) => void told.push(`${records} sent`),
    onFailed: (records) => void told.push(`${records} failed`),
    logger,
  });
  const failures: Failure[] = [];
  /** Tries again for as long as the failure may pass, unless told otherwise. */
  const send = (value: string, { partition = 0, headers = {}, isOver = () => false, again = ({ retriable }) => retriable }: {
    partition?: number; headers?: IHeaders; isOver?: () => boolean; again?: (failure: Failure) => boolean;
  } = {}) =>
    new Promise<Position>((acknowledged, reject) => {
      const failed = (failure: Failure): boolean => {
        failures.push(failure);
        const goOn = again(failure);
        if (!goOn) reject(failure.error);
        return goOn;
      };
      sending.add({ ...aRecord(value, partition), headers, isOver, acknowledged, failed });
    });
  /** Makes the number of partitions and their leaders known, which the first record does. */
  const warm = async (): Promise<void> => {
    const first = send('first');
    await eventually(() => cluster.requests.length === 1);
    if (answer === undefined) cluster.requests[0]!.answer.resolve(cluster.append(cluster.requests[0]!));
    await first;
    cluster.requests.length = 0;
    told.length = 0;
  };
  const requested = async (count: number): Promise<Request> => {
    await eventually(() => cluster.requests.length >= count);
    return cluster.requests[count - 1]!;
  };
  return { sending, send, warm, requested, cluster, failures, told, lines, probes };
};

const at = ({ partition, offset }: Position): string => `${partition}/${offset}`;

describe('records are sent', () => {
  test('When several are sent in one turn, then they go with one request, and each is told its own offset', async () => {
    const { send, warm, cluster } = aSending({ answer: () => undefined });
    await warm();
    const positions = await Promise.all([send('a', { partition: 1 }), send('b', { partition: 2 }), send('c', { partition: 1 })]);
    expect(positions.map(at)).toEqual(['1/0', '2/0', '1/1']);
    expect(cluster.requests).toHaveLength(1);
  });

  test('When a request is in flight, then what comes is collected for the next one', async () => {
    const { send, warm, requested, cluster } = aSending();
    await warm();
    void send('a');
    const { answer } = await requested(1);
    void send('b');
    void send('c', { partition: 1 });
    answer.resolve(cluster.append(cluster.requests[0]!));
    expect((await requested(2)).values.sort()).toEqual(['b', 'c']);
  });

  test('When more than 500 records wait, then a request takes 500', async () => {
    const { send, warm, requested } = aSending();
    await warm();
    for (let number = 0; number < 501; number += 1) void send('a');
    expect((await requested(1)).values).toHaveLength(500);
  });

  test.each([
    ['values', (size: number) => ({ value: 'x'.repeat(size), headers: {} })],
    ['12.3 headers', (size: number) => ({ value: 'v', headers: { big: 'x'.repeat(size / 2), list: [Buffer.alloc(size / 4), 'y'.repeat(size / 4)] } })],
  ])('When the %s of waiting records are large, then a request stays below 900 kB, and a larger record goes alone', async (_what, of) => {
    const { send, warm, cluster } = aSending({ answer: () => undefined });
    await warm();
    await Promise.all([400_000, 400_000, 400_000, 2_000_000, 1_000].map((size) => {
      const { value, headers } = of(size);
      return send(value, { headers });
    }));
    expect(cluster.requests.map(({ values }) => values.length)).toEqual([2, 1, 1, 1]);
  });

  test('When it is stopped, then what is held is sent before the producer is closed', async () => {
    const { sending, send, warm, requested, cluster } = aSending();
    await warm();
    const sent = send('a');
    const stopped = sending.stop();
    const request = await requested(1);
    expect(cluster.calls).toEqual([]);
    request.answer.resolve(cluster.append(request));
    await Promise.all([sent, stopped]);
    expect(cluster.calls).toEqual(['disconnect']);
    expect(sending.bytes()).toBe(0);
  });
});

describe('13 a record is acknowledged by an offset, and by nothing else', () => {
  test.each<[string, Answer]>([
    ['leaves a partition out', (request) => (request.values.includes('lost') ? [] : undefined)],
    ['has an offset of -1', (request) => (request.values.includes('lost') ? [{ topicName: 'orders', partition: 0, errorCode: 0, baseOffset: '-1' }] : undefined)],
  ])('When a resolved send %s, then its records are sent again', async (_what, first) => {
    let answered = 0;
    const { send, warm, cluster } = aSending({
      answer: (request) => {
        answered += 1;
        return answered <= 3 ? first(request) : undefined;
      },
    });
    await warm();
    expect(at(await send('lost'))).toBe('0/1');
    expect(cluster.values()).toEqual([['lost'], ['lost'], ['lost']]);
  });

  test('When one partition of a request is refused, then what the others acknowledged is not sent again', async () => {
    let refusals = 0;
    const { send, warm, cluster, failures } = aSending({
      answer: (request) => {
        if (!request.byPartition.has(1) || refusals === 5) return undefined;
        refusals += 1;
        return refusal(CODES.notLeader, ...[...request.byPartition.keys()].map((partition): [number, string, number] =>
          (partition === 1 ? [1, '-1', CODES.notLeader] : [partition, '7', 0])));
      },
    });
    await warm();
    expect((await Promise.all([send('healthy'), send('refused', { partition: 1 })])).map(at)).toEqual(['0/7', '1/0']);
    expect(cluster.values().flat().filter((value) => value === 'healthy')).toHaveLength(1);
    expect(failures).toHaveLength(5);
  });
});

describe('13 a leader holds up its own partitions only', () => {
  test('When one leader does not answer, then records of the others go on', async () => {
    const { send, warm, requested, cluster } = aSending({ leaders: [1, 2, 3] });
    await warm();
    void send('stuck', { partition: 1 });
    await requested(1);
    for (const value of ['a', 'b']) {
      const sent = send(value, { partition: 2 });
      const request = await requested(cluster.requests.length + 1);
      expect(request).toMatchObject({ leader: 3, values: [value] });
      request.answer.resolve(cluster.append(request));
      await sent;
    }
  });

  test('When partitions have different leaders, then no request is for two of them, not even the first', async () => {
    const { send, cluster } = aSending({ leaders: [1, 2, 3], answer: () => undefined });
    await Promise.all([0, 1, 2, 0, 1, 2].map((partition) => send(String(partition), { partition })));
    for (const { byPartition } of cluster.requests) expect(byPartition.size).toBe(1);
  });

  test('When a leader moves while records wait, then they go to the new one, once', async () => {
    const { send, warm, cluster } = aSending({ leaders: [1, 1, 1], answer: () => undefined });
    await warm();
    cluster.move(1, 2, 2);
    const sent = Promise.all([send('a'), send('b', { partition: 1 }), send('c', { partition: 2 })]);
    await sent;
    expect(cluster.requests.map(({ leader, values }) => [leader, values.sort()]).sort()).toEqual([[1, ['a']], [2, ['b', 'c']]]);
  });

  test('When a partition is added, then what waits is placed anew', async () => {
    const { send, warm, cluster } = aSending({ leaders: [1, 1, 1], answer: () => undefined });
    await warm();
    cluster.move(1, 1, 1, 2);
    expect(at(await send('a', { partition: 3 }))).toBe('3/0');
  });
});

describe('12.3 what is too large is parted', () => {
  test.each([
    ['refused as too large', () => refusal(CODES.messageTooLarge)],
    ['cut off', cutOff],
  ])('When a batch is %s, then it is sent in halves until what cannot go stands alone, and it holds up nobody', async (_what, error) => {
    let blows = 0;
    const { send, warm, cluster } = aSending({
      answer: ({ values }) => {
        if (!values.includes('bad') || blows > 8) return undefined;
        blows += 1;
        return error();
      },
    });
    await warm();
    const done: string[] = [];
    const values = ['a', 'b', 'bad', 'c', 'd', 'e', 'f', 'g'];
    await Promise.all(values.map((value) => send(value, { again: () => true }).then(() => done.push(value))));
    expect(done.at(-1)).toBe('bad');
    expect(cluster.values().filter((batch) => batch.includes('bad')).map(({ length }) => length).slice(0, 5)).toEqual([8, 4, 2, 1, 1]);
  });

  test('When a lone record is refused as too large, then its sender is told for good that it is not on the broker', async () => {
    const { send, warm, failures } = aSending({ answer: ({ values }) => (values.includes('bad') ? refusal(CODES.messageTooLarge) : undefined) });
    await warm();
    await expect(send('bad')).rejects.toThrow('larger than the max message size');
    expect(failures).toMatchObject([{ retriable: false, appended: 'no' }]);
  });

  test('When one of them cannot be encoded, then the others are sent', async () => {
    const { send, warm } = aSending({ answer: ({ values }) => (values.includes('bad') ? new TypeError('not a string') : undefined) });
    await warm();
    const outcomes = await Promise.allSettled(['a', 'bad', 'b'].map((value) => send(value)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('a try fails', () => {
  test('When requests fail, then the records are sent again in their order until it succeeds', async () => {
    const { send, warm, cluster, told } = aSending({
      answer: () => (cluster.requests.length < 3 && cluster.requests[0]?.values[0] === 'a' ? refusal(CODES.notEnoughReplicas) : undefined),
    });
    await warm();
    await Promise.all([send('a'), send('b')]);
    expect(cluster.values()).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b']]);
    expect(told).toEqual(['2 failed', '2 failed', '2 sent']);
  });

  test('16 When the password is refused before the request, then it is tried again, and the record is certainly not on the broker', async () => {
    let isFirst = true;
    const { send, warm, failures } = aSending({
      answer: ({ values }) => {
        if (!isFirst || !values.includes('a')) return undefined;
        isFirst = false;
        return wrongPassword();
      },
    });
    await warm();
    await send('a');
    expect(failures).toMatchObject([{ retriable: true, appended: 'no', splits: false }]);
  });

  test.each<[string, Failure['appended'], () => Error]>([
    ['the connection is refused', 'no', unreachable],
    ['too few replicas are in sync', 'no', () => refusal(CODES.notEnoughReplicas, [0, '-1', CODES.notEnoughReplicas])],
    ['the connection breaks', 'unknown', cutOff],
    ['the broker is not the leader any more', 'unknown', () => refusal(CODES.notLeader, [0, '-1', CODES.notLeader])],
  ])('12.12 When %s, then it is told whether the record may be on the broker: %s', async (_what, appended, error) => {
    let first = true;
    const { send, warm, failures } = aSending({
      answer: ({ values }) => {
        if (!first || !values.includes('a')) return undefined;
        first = false;
        return error();
      },
    });
    await warm();
    await send('a', { again: () => true });
    expect(failures).toMatchObject([{ appended }]);
  });

  test('12.12 When a request was cut off and KafkaJS tells of its search for the leaders instead, then the record may be on the broker', async () => {
    let isFirst = true;
    const { send, warm, cluster, failures } = aSending({
      answer: ({ values }) => {
        if (!isFirst || !values.includes('a')) return undefined;
        isFirst = false;
        return cutOff();
      },
    });
    await warm();
    cluster.hides(unreachable());
    await send('a', { again: () => true });
    expect(failures).toMatchObject([{ appended: 'unknown', error: { name: 'KafkaJSConnectionClosedError' } }]);
  });

  test('When nobody waits for a record any more, then it is not sent', async () => {
    const { sending, send, warm, requested, cluster } = aSending();
    await warm();
    let over = false;
    void send('a');
    const request = await requested(1);
    void send('b', { isOver: () => over });
    over = true;
    request.answer.resolve(cluster.append(request));
    await eventually(() => sending.waiting() === 0);
    expect(cluster.values()).toEqual([['a']]);
    expect(sending.bytes()).toBe(0);
  });

  test('When connecting fails, then it is tried until it succeeds', async () => {
    let tries = 0;
    const { send } = aSending({
      answer: () => undefined,
      connect: async () => {
        tries += 1;
        if (tries === 1) throw unreachable();
      },
    });
    await expect(send('a')).resolves.toEqual({ partition: 0, offset: '0' });
  });
});

describe('health', () => {
  let clock: jest.SpyInstance<number, []>;
  let passed = 0;
  beforeEach(() => {
    const now = performance.now.bind(performance);
    passed = 0;
    clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + passed);
  });
  afterEach(() => clock.mockRestore());

  const failing = async () => {
    let broken = false;
    const it = aSending({
      leaders: [1, 2], answer: ({ byPartition }) => (broken && byPartition.has(1) ? refusal(CODES.notEnoughReplicas) : undefined),
    });
    it.sending.start();
    await it.warm();
    broken = true;
    let over = false;
    const sent = it.send('b', { partition: 1, isOver: () => over });
    await eventually(() => it.failures.length > 0);
    return { ...it, sent, heal: () => { broken = false; }, giveUp: () => { over = true; } };
  };

  test('When it is not connected yet, then it is not healthy; when it is, it is', async () => {
    const { sending } = aSending();
    expect(sending.healthy()).toBe(false);
    sending.start();
    await eventually(() => sending.healthy());
    await sending.stop();
  });

  test('When a partition has failed for a second, then it is not healthy, whatever the others do, until it works again', async () => {
    const { sending, send, sent, heal, lines } = await failing();
    expect(sending.healthy()).toBe(true);
    passed = 1_000;
    await send('a');
    expect(sending.healthy()).toBe(false);
    heal();
    await sent;
    expect(sending.healthy()).toBe(true);
    expect(lines.map(({ message }) => message)).toEqual(expect.arrayContaining(['producer connected', 'publishing failed', 'publishing works again']));
    await sending.stop();
  });

  test('12.9 When publishing failed and nobody waits any more, then the probe finds out that it works again', async () => {
    const { sending, giveUp, probes } = await failing();
    passed = 1_000;
    giveUp();
    await eventually(() => sending.bytes() === 0);
    expect(sending.healthy()).toBe(false);
    await eventually(() => probes.length > 0);
    probes.forEach((answer) => answer());
    await eventually(() => sending.healthy());
    await sending.stop();
  });
});
