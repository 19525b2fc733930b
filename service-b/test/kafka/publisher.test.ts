import { KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError, type ProducerRecord, type RecordMetadata } from 'kafkajs';
import type { PlacedMessage } from '../../src/kafka/partitioner';
import { createPublisher } from '../../src/kafka/publisher';
import { deferred, eventually, recordingLogger, type Deferred } from '../support/fakes';

type Sent = { record: ProducerRecord; answer: Deferred<RecordMetadata[]> };
type Answer = (keys: string[]) => Error | undefined;

const appended: RecordMetadata[] = [0, 1].map((partition) => ({ topicName: 'payments', partition, errorCode: 0, baseOffset: '10' }));

/** A publisher over a producer that answers when told to, or each request by `answer`. The first digit of a key says its partition. */
const aPublisher = ({ answer, connect = async () => undefined }: { answer?: Answer; connect?: () => Promise<void> } = {}) => {
  const sent: Sent[] = [];
  const keysOf = ({ record }: Sent): string[] => record.messages.map(({ key }) => String(key));
  const { logger, lines } = recordingLogger();
  const send = (record: ProducerRecord): Promise<RecordMetadata[]> => {
    for (const message of record.messages as unknown as PlacedMessage[]) {
      message.placedOn = message.key === null ? message.fallbackPartition : Number(message.key.toString()[0]);
    }
    const request = { record, answer: deferred<RecordMetadata[]>() };
    sent.push(request);
    if (answer !== undefined) {
      const error = answer(keysOf(request));
      if (error === undefined) request.answer.resolve(appended);
      else request.answer.reject(error);
    }
    return request.answer.promise;
  };
  const told: string[] = [];
  const publisher = createPublisher({
    producer: { connect, send, disconnect: async () => undefined },
    topic: 'payments',
    onSent: (records) => void told.push(`${records} sent`),
    onFailed: (records) => void told.push(`${records} failed`),
    logger,
  });
  const publish = (key: string | null, { value = 'v', signal = new AbortController().signal } = {}) =>
    publisher.publish({ key: key === null ? null : Buffer.from(key), value, fallbackPartition: 1 }, signal);
  const sentOnce = async (number = 1): Promise<Sent> => {
    await eventually(() => sent.length >= number);
    return sent[number - 1]!;
  };
  return { publisher, publish, sent, sentOnce, keysOf, lines };
};

/** As KafkaJS words it: retried for long enough. */
const retriesExceeded = (): Error => new KafkaJSNumberOfRetriesExceeded(new Error('broker is gone'), { retryCount: 1, retryTime: 100 });
const tooLarge = (): Error => new KafkaJSProtocolError(
  Object.assign(new Error('The request included a message larger than the max message size'), { type: 'MESSAGE_TOO_LARGE', code: 10, retriable: false }),
);
/** What KafkaJS throws for a header that it cannot encode. */
const notEncodable = (): Error => new TypeError('The "string" argument must be of type string');

describe('records are sent', () => {
  test('When one is published, then the request asks for the acknowledgement of all in-sync replicas', async () => {
    const { publish, sent } = aPublisher({ answer: () => undefined });
    await publish('0');
    expect(sent[0]!.record).toMatchObject({ topic: 'payments', acks: -1, messages: [{ key: Buffer.from('0'), value: 'v' }] });
  });

  test('When a request is in flight, then what comes is collected for the next one', async () => {
    const { publish, sentOnce, keysOf } = aPublisher();
    const first = publish('0');
    const { answer } = await sentOnce();
    void publish('1');
    void publish(null);
    answer.resolve(appended);
    await first;
    expect(keysOf(await sentOnce(2))).toEqual(['1', 'null']);
  });

  test('When more than 500 records wait, then a request takes 500', async () => {
    const { publish, sentOnce, keysOf } = aPublisher();
    for (let number = 0; number < 501; number += 1) void publish('0');
    expect(keysOf(await sentOnce())).toHaveLength(500);
  });

  test('When the waiting records are large, then a request stays below 900 kB, and a larger record goes alone', async () => {
    const { publish, sent, keysOf } = aPublisher({ answer: () => undefined });
    const sizes = [400_000, 400_000, 400_000, 2_000_000, 1];
    await Promise.all(sizes.map((size) => publish('0', { value: 'x'.repeat(size) })));
    expect(sent.map((request) => keysOf(request).length)).toEqual([2, 1, 1, 1]);
  });

  test('When the broker tells base offsets, then each record is told its own', async () => {
    const { publish } = aPublisher({ answer: () => undefined });
    const positions = await Promise.all(['0', '1', null, '0'].map((key) => publish(key)));
    expect(positions.map(({ partition, offset }) => `${partition}/${offset}`)).toEqual(['0/10', '1/10', '1/11', '0/11']);
  });
});

describe('the broker does not take them', () => {
  test('When a request fails, then the records are sent again in their order until it succeeds', async () => {
    const { publish, sent, keysOf } = aPublisher({ answer: () => (sent.length < 3 ? retriesExceeded() : undefined) });
    await Promise.all([publish('0'), publish('1')]);
    expect(sent.map(keysOf)).toEqual([['0', '1'], ['0', '1'], ['0', '1']]);
  });

  test.each([
    ['is refused by the broker for good', tooLarge],
    ['cannot be encoded', notEncodable],
  ])('When one record %s, then the others are published and it is tried on', async (_what, error) => {
    let refused = 0;
    const { publish, sent, keysOf } = aPublisher({
      answer: (keys) => {
        if (!keys.includes('1bad') || refused >= 3) return undefined;
        refused += 1;
        return error();
      },
    });
    const ends: string[] = [];
    await Promise.all(['0a', '1bad', '0b'].map((key) => publish(key).then(() => ends.push(key))));
    expect(ends.slice(0, 2).sort()).toEqual(['0a', '0b']);
    expect(ends[2]).toBe('1bad');
    expect(sent.map(keysOf)).toEqual([['0a', '1bad', '0b'], ['0a'], ['1bad'], ['0b'], ['1bad'], ['1bad']]);
  });

  test('When connecting fails, then it is tried until it succeeds', async () => {
    let tries = 0;
    const { publish } = aPublisher({
      answer: () => undefined,
      connect: async () => {
        tries += 1;
        if (tries === 1) throw new Error('broker is away');
      },
    });
    await expect(publish('0')).resolves.toEqual({ partition: 0, offset: '10' });
  });
});

describe('nobody waits any more', () => {
  test('When the signal aborts before a record is sent, then it is rejected with the reason and not sent', async () => {
    const { publish, sentOnce, sent } = aPublisher();
    const abort = new AbortController();
    const first = publish('0');
    const { answer } = await sentOnce();
    const second = publish('1', { signal: abort.signal });
    abort.abort(new Error('the partitions were reassigned'));
    answer.resolve(appended);
    await first;
    await expect(second).rejects.toThrow('the partitions were reassigned');
    expect(sent).toHaveLength(1);
  });

  test('When the signal aborts while a record is tried again, then it is given up', async () => {
    const abort = new AbortController();
    const { publish, sent } = aPublisher({
      answer: () => {
        abort.abort(new Error('shutting down'));
        return retriesExceeded();
      },
    });
    await expect(publish('0', { signal: abort.signal })).rejects.toThrow('shutting down');
    expect(sent).toHaveLength(1);
  });
});

describe('health', () => {
  test('When it is not connected yet, then it is not healthy', () => {
    expect(aPublisher().publisher.healthy()).toBe(false);
  });

  test('When it is connected, then it is healthy', async () => {
    const { publisher } = aPublisher();
    publisher.start();
    await eventually(() => publisher.healthy());
  });

  test('When publishing fails, then it is not healthy until it works again, and both are logged', async () => {
    const { publisher, publish, sentOnce, lines } = aPublisher();
    const published = publish('0');
    (await sentOnce()).answer.reject(retriesExceeded());
    await eventually(() => lines.some(({ level }) => level === 'error'));
    expect(publisher.healthy()).toBe(false);
    (await sentOnce(2)).answer.resolve(appended);
    await published;
    await eventually(() => publisher.healthy());
    expect(lines.map(({ message }) => message)).toEqual(['producer connected', 'publishing failed, trying again', 'publishing works again']);
  });
});
