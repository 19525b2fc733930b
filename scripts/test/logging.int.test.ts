import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import type { Service } from '../drill/service';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

const secret = 'hunter2-hunter2';

describe('logs of the pair', () => {
  let stage: Stage;

  const post = async (body: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'authorization': `Bearer ${secret}`, 'cookie': `session=${secret}` };
    return (await fetch(`${stage.a.url}/orders`, { method: 'POST', headers, body })).status;
  };
  const levelsOf = ({ lines }: Service): string[] => lines.map((line) => (JSON.parse(line) as { level: string }).level);
  const switched = (service: Service, to: string): Promise<void> => {
    service.signal('SIGUSR2');
    return waitFor(`level ${to}`, () => service.lines.some((line) => line.includes('log level changed') && line.includes(`"to":"${to}"`)));
  };

  beforeAll(async () => {
    stage = await createStage({ name: 'logging', brokers: process.env['KAFKA_BROKERS']!, random: createRandom(7), perSecond: 0 });
    await stage.untilReady();
  });
  afterAll(() => stage.close());

  test('When SIGUSR2 comes, then the services log at debug, and once more as before', async () => {
    const { a, b } = stage;
    expect([...levelsOf(a), ...levelsOf(b)]).not.toContain('debug');
    for (const service of [a, b]) {
      await switched(service, 'debug');
      await waitFor('the chatter of the Kafka client', () => levelsOf(service).includes('debug'));
    }
  });

  test('When bodies and credentials come in at level debug, then no line holds them', async () => {
    const { a, b, reach, kafka, topics } = stage;
    const order = { userId: secret, amount: 9.5, currency: 'USD', items: [{ productId: secret, quantity: 1, price: 9.5 }] };
    expect(await post(JSON.stringify(order))).toBe(202);
    expect(await post(JSON.stringify({ ...order, amount: secret, [secret]: 1 }))).toBe(400);
    expect(await post(`{"${secret}`)).toBe(400);
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({ topic: topics.orders, messages: [{ key: 'rubbish', value: `{"${secret}` }, { key: 'rubbish', value: JSON.stringify({ data: secret }) }] });
    await producer.disconnect();
    await waitFor('the dead letters', async () => (await readTopic(reach, topics.deadLetters)).filter(({ key }) => key?.toString() === 'rubbish').length === 2);
    await waitFor('the order to be done', () => b.lines.some((line) => line.includes('payment published') || line.includes('PaymentDeclinedError')));
    const [base64, bytes] = [Buffer.from(secret).toString('base64').slice(0, 12), [...Buffer.from(secret)].join(',')];
    expect([...a.lines, ...b.lines].filter((line) => [secret, base64, bytes].some((form) => line.includes(form)))).toEqual([]);
    for (const service of [a, b]) await switched(service, 'info');
  });
});
