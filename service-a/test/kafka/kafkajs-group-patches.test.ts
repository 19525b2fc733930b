import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded } from 'kafkajs';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
import Runner from 'kafkajs/src/consumer/runner';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { patchGroups } from '../../src/kafka/kafkajs-group-patches';
import { aCluster, CODES, records } from '../support/cluster';

const NOT_COORDINATOR = 16;
const INCONSISTENT_PROTOCOL = 23;

beforeAll(patchGroups);

test('13 When a fetcher is built while the consumer stops, then it ends, and does not go round for ever', async () => {
  const told: string[] = [];
  // It ends when this fetcher has ended.
  const stop = (): Promise<void> => {
    told.push('stopped');
    return new Promise(() => undefined);
  };
  const runner = Object.assign(Object.create(Runner.prototype) as Runner, {
    running: false, fetchManager: { stop }, logger: { debug: () => undefined }, consumerGroup: {},
  });
  expect(await runner.fetch('1')).toEqual([]);
  expect(told).toEqual(['stopped']);
});

test('13 When a consumer is stopped while it joins for the first time, then it leaves its group, and fetches nothing', async () => {
  const { kafka, state } = aCluster({ leaders: [1], logs: [records(1)] });
  let join = (): void => undefined;
  state.joinWaits.set('group', new Promise((resolve) => { join = resolve; }));
  const consumer = kafka.consumer({ groupId: 'group' });
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  const run = consumer.run({ eachMessage: async () => undefined });
  await consumer.disconnect();
  join();
  await run;
  await sleep(50);
  // Ends a consumer that goes on all the same.
  state.fetchErrors.set(1, CODES.topicAuthorizationFailed);
  expect(state).toMatchObject({ joins: 1, left: ['group'], fetches: [] });
});

test('When the clock is set back, then the member tells of life on', async () => {
  const heartbeat = jest.fn();
  const silent = { logger: { namespace: () => undefined }, instrumentationEmitter: { emit: () => undefined } };
  const group = Object.assign(new ConsumerGroup(silent), {
    memberId: 'member', generationId: 1, lastRequest: Date.now() + 3_600_000, coordinator: { heartbeat },
  });
  await group.heartbeat({ interval: 20 });
  await sleep(50);
  await group.heartbeat({ interval: 20 });
  expect(heartbeat).toHaveBeenCalledTimes(1);
});

describe('13 joining while the coordinator moves', () => {
  const exceeded = (error: Error): Error => new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 3, retryTime: 100 });
  /** Joins at the try after these errors. */
  const joiningAfter = (errors: Error[]) => {
    const left = [...errors];
    const group = Object.assign(Object.create(ConsumerGroup.prototype) as ConsumerGroup, {
      retrier: async () => {
        const error = left.shift();
        if (error) throw error;
      },
    });
    return { left, join: () => group.joinAndSync() };
  };

  test('When the coordinator has moved on, then the member joins where it is now', async () => {
    const moved = createErrorFromCode(NOT_COORDINATOR);
    const { left, join } = joiningAfter([moved, exceeded(new Error(moved.message))]);
    await join();
    expect(left).toEqual([]);
  });

  test.each([
    ['the group does not take it', createErrorFromCode(INCONSISTENT_PROTOCOL)],
    ['the broker cannot be reached', exceeded(new KafkaJSConnectionError('connect ECONNREFUSED'))],
  ])('When %s, then the consumer ends, and is built anew', async (_why, error) => {
    await expect(joiningAfter([error]).join()).rejects.toBe(error);
  });
});
