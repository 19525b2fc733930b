import { createPublisher } from '../../src/kafka/publisher';
import { BrokerUnavailableError, NotAppendedError, QueueFullError } from '../../src/processors/place-order';
import { eventually, recordingLogger } from '../support/fakes';
import { aProducer, CODES, cutOff, refusal, unreachable } from '../support/producer';

const aPublisher = ({ onRequest, queueMax = 10_000, queueMaxBytes = 1_000_000, expiryMs = 60_000 }: {
  onRequest?: Parameters<typeof aProducer>[0]['onRequest'];
  queueMax?: number;
  queueMaxBytes?: number;
  expiryMs?: number;
} = {}) => {
  const cluster = aProducer({ leaders: [1], onRequest });
  const publisher = createPublisher({
    producer: cluster.producer, probe: async () => undefined, topic: 'orders', queueMax, queueMaxBytes, expiryMs,
    onSent: () => undefined, onFailed: () => undefined, logger: recordingLogger().logger,
  });
  const publish = (value: string) => publisher.publish(Buffer.from('key'), Buffer.from(value), {});
  return { publisher, publish, cluster };
};

test('When an order is acknowledged, then its position is told', async () => {
  const { publish } = aPublisher({ onRequest: () => undefined });
  expect([await publish('a'), await publish('b')]).toEqual([{ partition: 0, offset: '0' }, { partition: 0, offset: '1' }]);
});

test('When the queue is full, then the next one is rejected and nothing of it is left', async () => {
  const { publisher, publish, cluster } = aPublisher({ queueMax: 2 });
  void publish('a');
  void publish('b');
  await expect(publish('c')).rejects.toThrow(QueueFullError);
  await eventually(() => cluster.requests.length === 1);
  expect([cluster.values(), publisher.waiting()]).toEqual([[['a']], 1]);
});

test('12.14 When as many bytes wait as may be, then the next one is rejected', async () => {
  const { publish } = aPublisher({ queueMaxBytes: 10_000 });
  void publish('x'.repeat(9_000));
  await expect(publish('y'.repeat(2_000))).rejects.toThrow(QueueFullError);
});

test('12.14 When nothing waits, then even a larger one is taken', async () => {
  const { publish } = aPublisher({ queueMaxBytes: 10, onRequest: () => undefined });
  await expect(publish('x'.repeat(1_000))).resolves.toMatchObject({ offset: '0' });
});

test('When one could not be sent in time, then it is rejected and not sent', async () => {
  const { publish, cluster } = aPublisher({ expiryMs: 1_000 });
  const first = publish('a');
  await eventually(() => cluster.requests.length === 1);
  const late = publish('b');
  const now = performance.now();
  const clock = jest.spyOn(performance, 'now').mockReturnValue(now + 1_001);
  cluster.requests[0]!.answer.resolve(cluster.append(cluster.requests[0]!));
  await first;
  await expect(late).rejects.toThrow(NotAppendedError);
  clock.mockRestore();
  expect(cluster.values()).toEqual([['a']]);
});

test('When the broker fails for a while, then an order is tried until its time is over', async () => {
  let tries = 0;
  const { publish } = aPublisher({
    onRequest: () => {
      tries += 1;
      return tries < 4 ? refusal(CODES.notLeader) : undefined;
    },
  });
  await expect(publish('a')).resolves.toEqual({ partition: 0, offset: '0' });
});

test('When the broker refuses an order for good, then it is rejected at once, with the cause', async () => {
  const { publish, cluster } = aPublisher({ onRequest: () => refusal(CODES.messageTooLarge) });
  const rejection = await publish('a').catch((error: unknown) => error);
  expect(rejection).toBeInstanceOf(NotAppendedError);
  expect((rejection as Error).cause).toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
  expect(cluster.requests).toHaveLength(1);
});

test.each([['no', unreachable, NotAppendedError], ['unknown', cutOff, BrokerUnavailableError]] as const)(
  '12.12 When its time is over, then the rejection tells whether the broker may hold it: %s', async (_appended, error, rejection) => {
    const { publish } = aPublisher({ expiryMs: 120, onRequest: error });
    await expect(publish('a')).rejects.toThrow(rejection);
  },
);
