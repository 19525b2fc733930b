import Runner from 'kafkajs/src/consumer/runner';
import { patchGroups } from '../../src/kafka/kafkajs-group-patches';

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
