import { createPublisher } from '../../src/kafka/publisher';
import { eventually, recordingLogger } from '../support/fakes';
import { aProducer, CODES, refusal } from '../support/producer';

const aPublisher = (onRequest?: Parameters<typeof aProducer>[0]['onRequest']) => {
  const cluster = aProducer({ leaders: [1, 1], onRequest });
  const publisher = createPublisher({
    producer: cluster.producer, probe: async () => undefined, topic: 'payments', onSent: () => undefined, onFailed: () => undefined,
    logger: recordingLogger().logger,
  });
  const publish = (value: string, signal = new AbortController().signal) => publisher.publish({ key: null, value, fallbackPartition: 1 }, signal);
  return { publisher, publish, cluster };
};

test('When a record is acknowledged, then its position is told', async () => {
  const { publish } = aPublisher(() => undefined);
  expect([await publish('a'), await publish('b')]).toEqual([{ partition: 1, offset: '0' }, { partition: 1, offset: '1' }]);
});

test('When the broker refuses a record for good, then it is tried on, and others are published', async () => {
  let refusals = 0;
  const { publish } = aPublisher(({ values }) => {
    if (!values.includes('bad') || refusals === 3) return undefined;
    refusals += 1;
    return refusal(CODES.messageTooLarge);
  });
  await publish('first');
  const done: string[] = [];
  await Promise.all(['bad', 'good'].map((value) => publish(value).then(() => done.push(value))));
  expect(done).toEqual(['good', 'bad']);
});

test('When the signal aborts before a record is sent, then it is rejected with the reason and not sent', async () => {
  const { publish, cluster } = aPublisher();
  const abort = new AbortController();
  const first = publish('a');
  await eventually(() => cluster.requests.length === 1);
  const second = publish('b', abort.signal);
  abort.abort(new Error('the partition was reassigned'));
  cluster.requests[0]!.answer.resolve(cluster.append(cluster.requests[0]!));
  await first;
  await expect(second).rejects.toThrow('the partition was reassigned');
  expect(cluster.values()).toEqual([['a']]);
});

test('When the signal aborts while a record is tried again, then it is given up', async () => {
  const abort = new AbortController();
  const { publish, cluster } = aPublisher(() => {
    abort.abort(new Error('shutting down'));
    return refusal(CODES.notLeader);
  });
  await expect(publish('a', abort.signal)).rejects.toThrow('shutting down');
  expect(cluster.requests).toHaveLength(1);
});
