import { readFile } from 'node:fs/promises';
import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, placeOf, type Stage } from '../drill/stage';
import type { LocalBroker } from '../lib/broker';
import { clientSettings, type Reach } from '../lib/reach';
import { startScratchBroker } from '../lib/scratch-broker';

describe('a secured broker', () => {
  let broker: LocalBroker;
  let remove: () => Promise<void>;
  let stage: Stage | undefined;

  beforeAll(async () => {
    ({ broker, remove } = await startScratchBroker({ secure: true }));
  }, 120_000);

  afterAll(async () => {
    await stage?.close();
    await remove();
  }, 60_000);

  /** How an attempt to come in and see the topics ends. */
  const topicsSeen = async (settings: Partial<KafkaConfig> & Pick<KafkaConfig, 'brokers'>): Promise<string[] | string> => {
    const limits = { connectionTimeout: 3_000, requestTimeout: 3_000, retry: { retries: 0 } };
    const admin = new Kafka({ logLevel: logLevel.NOTHING, ...limits, ...settings }).admin();
    try {
      await admin.connect();
      return (await admin.listTopics()).filter((topic) => !topic.startsWith('__')).toSorted();
    } catch {
      return 'refused';
    } finally {
      await admin.disconnect();
    }
  };
  const at = (port: Reach, more: Partial<KafkaConfig> = {}) => topicsSeen({ brokers: port.brokers.split(','), ...more });
  const asPrincipal = async (username: string, password?: string) => at(broker, {
    ssl: { ca: [await readFile(broker.security!.ca, 'utf8')] },
    sasl: { mechanism: 'scram-sha-512', username, password: password ?? await readFile(broker.security!.passwordFile(username), 'utf8') },
  });

  test('When a broker comes in with its certificate, then it sees every topic', async () => {
    expect(await topicsSeen(clientSettings(broker.reach))).toEqual(['orders', 'orders.DLT', 'payments']);
  });

  test('When a principal comes in with its password, then it sees what its row names', async () => {
    expect(await asPrincipal('service-a')).toEqual(['orders', 'orders.DLT', 'payments']);
    expect(await asPrincipal('inspector')).toEqual(['orders', 'orders.DLT', 'payments']);
  });

  test('When somebody has no password, the wrong one, no certificate or no TLS, then he is refused', async () => {
    const ca = [await readFile(broker.security!.ca, 'utf8')];
    expect(await asPrincipal('service-a', 'wrong')).toBe('refused');
    expect(await asPrincipal('nobody', 'wrong')).toBe('refused');
    expect(await at(broker, { ssl: { ca } })).toBe('refused');
    expect(await at(broker)).toBe('refused');
    expect(await at(broker.reach, { ssl: { ca } })).toBe('refused');
    expect(await at({ brokers: broker.reach.brokers })).toBe('refused');
  });

  test('When an order is placed, then the services carry it through as principals of their own', async () => {
    stage = await createStage({ name: 'secure-test', ...placeOf(broker), random: createRandom(7), perSecond: 100 });
    await stage.untilReady();
    await stage.load.run({ seconds: 2 });
    await stage.settle();
    const outcomes = [...await readTopic(stage.reach, stage.topics.payments), ...await readTopic(stage.reach, stage.topics.deadLetters)];
    expect(new Set(outcomes.map(({ key }) => key?.toString()))).toEqual(new Set(stage.load.accepted.keys()));
    const { code, stdout } = await stage.dlt(['stats']).ended;
    expect([code, stdout.join(' ')]).toEqual([0, expect.stringContaining('PaymentDeclinedError')]);
  });
});
