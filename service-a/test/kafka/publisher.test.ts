import type { ProducerRecord, RecordMetadata } from 'kafkajs';
import type { PlacedMessage } from '../../src/kafka/partitioner';
import { createPublisher } from '../../src/kafka/publisher';
import { BrokerUnavailableError, NotAppendedError, QueueFullError } from '../../src/processors/place-order';
import { deferred, eventually, recordingLogger, type Deferred } from '../support/fakes';

type Sent = { record: ProducerRecord; answer: Deferred<RecordMetadata[]> };

/** The first digit of a key says its partition. */
const place = (message: PlacedMessage): void => {
  message.placedOn = Number(message.key.toString()[0]);
};

/** A publisher over a producer that answers when told to. */
const aPublisher = ({
  queueMax = 10_000, queueMaxBytes = 100_000_000, expiryMs = 60_000, connect = async (): Promise<void> => undefined,
} = {}) => {
  const sent: Sent[] = [];
  const calls: string[] = [];
  const probes: Deferred<void>[] = [];
  const { logger, lines } = recordingLogger();
  const told: string[] = [];
  const publisher = createPublisher({
    producer: {
      connect,
      send: (record) => {
        record.messages.forEach((message) => place(message as PlacedMessage));
        const answer = deferred<RecordMetadata[]>();
        sent.push({ record, answer });
        return answer.promise;
      },
      disconnect: async () => void calls.push('disconnect'),
    },
    onSent: (records) => void told.push(`${records} sent`),
    onFailed: (records) => void told.push(`${records} failed`),
    probe: () => {
      const probe = deferred();
      probes.push(probe);
      return probe.promise;
    },
    topic: 'orders',
    queueMax,
    queueMaxBytes,
    expiryMs,
    logger,
  });
  const publish = (key: string, value = 'v') => publisher.publish(Buffer.from(key), Buffer.from(value), {});
  const sentOnce = async (number = 1): Promise<Sent> => {
    await eventually(() => sent.length === number);
    return sent[number - 1]!;
  };
  const keysOf = ({ record }: Sent): string[] => record.messages.map(({ key }) => String(key));
  return { publisher, publish, sent, sentOnce, keysOf, calls, probes, lines, told };
};

const appended = (...offsets: [partition: number, baseOffset: string][]): RecordMetadata[] =>
  offsets.map(([partition, baseOffset]) => ({ topicName: 'orders', partition, errorCode: 0, baseOffset }));

const connected = async (it: ReturnType<typeof aPublisher>): Promise<void> => {
  it.publisher.start();
  await eventually(() => it.publisher.healthy());
};

describe('records are sent', () => {
  test('When one is published, then the request asks for the acknowledgement of all in-sync replicas', async () => {
    const { publish, sentOnce } = aPublisher();
    void publish('0');
    expect((await sentOnce()).record).toMatchObject({ topic: 'orders', acks: -1, messages: [{ key: Buffer.from('0'), value: Buffer.from('v') }] });
  });

  test('When several are published in one turn, then they go with one request', async () => {
    const { publish, sentOnce, keysOf } = aPublisher();
    void publish('0');
    void publish('1');
    expect(keysOf(await sentOnce())).toEqual(['0', '1']);
  });

  test('When requests are acknowledged or fail, then their numbers of records are told, and how many wait', async () => {
    const { publisher, publish, sentOnce, told } = aPublisher();
    const published = Promise.all([publish('0'), publish('0')]);
    (await sentOnce()).answer.resolve(appended([0, '0']));
    await published;
    const failed = publish('0');
    const third = await sentOnce(2);
    const waiting = publish('1');
    expect(publisher.waiting()).toBe(1);
    third.answer.reject(new Error('no'));
    await expect(failed).rejects.toThrow();
    (await sentOnce(3)).answer.resolve(appended([1, '0']));
    await waiting;
    await eventually(() => told.length === 3);
    expect(told).toEqual(['2 sent', '1 failed', '1 sent']);
  });

  test('When a request is in flight, then what comes is collected for the next one', async () => {
    const { publish, sentOnce, keysOf, sent } = aPublisher();
    const first = publish('0');
    const { answer } = await sentOnce();
    void publish('1');
    void publish('2');
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toHaveLength(1);
    answer.resolve(appended([0, '0']));
    await first;
    expect(keysOf(await sentOnce(2))).toEqual(['1', '2']);
  });

  test('When more than 500 records wait, then a request takes 500', async () => {
    const { publish, sentOnce, keysOf } = aPublisher();
    for (let number = 0; number < 501; number += 1) void publish('0');
    expect(keysOf(await sentOnce())).toHaveLength(500);
  });

  test('When the waiting records are large, then a request stays below the largest batch of the topic', async () => {
    const { publish, sentOnce, keysOf } = aPublisher();
    for (let number = 0; number < 5; number += 1) void publish('0', 'x'.repeat(262_144));
    const sent = await sentOnce();
    expect(keysOf(sent)).toHaveLength(3);
    sent.answer.resolve(appended([0, '0']));
    expect(keysOf(await sentOnce(2))).toHaveLength(2);
  });

  test('When the broker tells base offsets, then each record is told its own', async () => {
    const { publish, sentOnce } = aPublisher();
    const positions = Promise.all(['0a', '1a', '0b', '1b', '0c'].map((key) => publish(key)));
    (await sentOnce()).answer.resolve(appended([1, '9007199254740993'], [0, '7']));
    expect((await positions).map(({ partition, offset }) => `${partition}/${offset}`))
      .toEqual(['0/7', '1/9007199254740993', '0/8', '1/9007199254740994', '0/9']);
  });

  test('When it is stopped, then what waits is sent before the producer is closed', async () => {
    const { publisher, publish, sentOnce, calls } = aPublisher();
    const published = publish('0');
    const stopped = publisher.stop();
    const { answer } = await sentOnce();
    expect(calls).toEqual([]);
    answer.resolve(appended([0, '0']));
    await Promise.all([published, stopped]);
    expect(calls).toEqual(['disconnect']);
  });
});

describe('records are refused', () => {
  test('When the queue is full, then the next one is rejected and nothing of it is left', async () => {
    const { publish, sentOnce, keysOf } = aPublisher({ queueMax: 2 });
    void publish('0');
    void publish('1');
    await expect(publish('2')).rejects.toThrow(QueueFullError);
    expect(keysOf(await sentOnce())).toEqual(['0', '1']);
  });

  test('12.14 When more bytes wait than may, then the next one is rejected, and taken when there is room again', async () => {
    const { publish, sentOnce } = aPublisher({ queueMaxBytes: 2_300 });
    void publish('0', 'x'.repeat(1_000));
    void publish('1', 'x'.repeat(1_000));
    await expect(publish('2', 'x'.repeat(1_000))).rejects.toThrow(QueueFullError);
    await sentOnce();
    const waiting = publish('3', 'x'.repeat(1_000));
    expect(await Promise.race([waiting.catch(() => 'rejected'), Promise.resolve('waiting')])).toBe('waiting');
  });

  test('When one could not be sent in time, then it is rejected and not sent', async () => {
    const { publish, sentOnce, sent } = aPublisher({ expiryMs: 1_000 });
    const first = publish('0');
    const { answer } = await sentOnce();
    const late = publish('1');
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 1_001);
    answer.resolve(appended([0, '0']));
    await first;
    await expect(late).rejects.toThrow(NotAppendedError);
    clock.mockRestore();
    expect(sent).toHaveLength(1);
  });

  test('When the broker does not acknowledge, then every record of the request is rejected with the cause', async () => {
    const { publish, sentOnce } = aPublisher();
    const outcomes = Promise.allSettled([publish('0'), publish('1')]);
    const cause = new Error('broker is gone');
    (await sentOnce()).answer.reject(cause);
    const reasons = (await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason as unknown : undefined));
    expect(reasons).toEqual([expect.any(BrokerUnavailableError), expect.any(BrokerUnavailableError)]);
    expect((reasons[0] as Error).cause).toBe(cause);
  });

  test('When a request failed, then the next records are tried again', async () => {
    const { publish, sentOnce } = aPublisher();
    const first = publish('0').catch(() => undefined);
    (await sentOnce()).answer.reject(new Error('broker is gone'));
    await first;
    const second = publish('0');
    (await sentOnce(2)).answer.resolve(appended([0, '0']));
    await expect(second).resolves.toEqual({ partition: 0, offset: '0' });
  });
});

describe('health', () => {
  test('When it is not connected yet, then it is not healthy', () => {
    expect(aPublisher().publisher.healthy()).toBe(false);
  });

  test('When it is connected, then it is healthy', async () => {
    const it = aPublisher();
    await connected(it);
    expect(it.publisher.healthy()).toBe(true);
    await it.publisher.stop();
  });

  test('When publishing fails, then it is not healthy, and one line says so', async () => {
    const it = aPublisher();
    await connected(it);
    const outcome = it.publish('0').catch(() => undefined);
    (await it.sentOnce()).answer.reject(new Error('broker is gone'));
    await outcome;
    expect(it.publisher.healthy()).toBe(false);
    expect(it.lines.filter(({ level }) => level === 'error')).toMatchObject([{ message: 'publishing failed', topic: 'orders', records: 1 }]);
    await it.publisher.stop();
  });

  test('When publishing failed and works again, then it is healthy', async () => {
    const it = aPublisher();
    await connected(it);
    const outcome = it.publish('0').catch(() => undefined);
    (await it.sentOnce()).answer.reject(new Error('broker is gone'));
    await outcome;
    const next = it.publish('0');
    (await it.sentOnce(2)).answer.resolve(appended([0, '0']));
    await next;
    await eventually(() => it.publisher.healthy());
    await it.publisher.stop();
  });

  test('When publishing failed and no request comes to try it, then the probe finds out that it works again', async () => {
    const it = aPublisher();
    const outcome = it.publish('0').catch(() => undefined);
    (await it.sentOnce()).answer.reject(new Error('broker is gone'));
    await outcome;
    it.publisher.start();
    await eventually(() => it.probes.length === 1);
    expect(it.publisher.healthy()).toBe(false);
    it.probes[0]!.resolve();
    await eventually(() => it.publisher.healthy());
    await it.publisher.stop();
  });
});
