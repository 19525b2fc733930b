import { once } from 'node:events';
import { connect } from 'node:net';
import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

const ORDERS = 200;

describe('12.21 warnings of Node', () => {
  let stage: Stage;
  const warnings = (): string[] => [stage.a, ...stage.members].flatMap(({ lines }) => lines.filter((line) => /^\(node:\d+\)/.test(line)));

  beforeAll(async () => {
    stage = await createStage({
      name: 'warnings', brokers: process.env['KAFKA_BROKERS']!, random: createRandom(7), perSecond: 0, nodeArgs: ['--trace-warnings'],
      // Every order waits for the gateway, then for its retry: many at a time.
      env: { PAYMENT_TRANSIENT_RATE: '1', PAYMENT_LATENCY_MS: '100', PAYMENT_RETRY_BASE_MS: '500', PAYMENT_MAX_RETRIES: '1', LOG_TRAIL_PER_SECOND: '1' },
    });
    await stage.untilReady();
  });
  afterAll(() => stage.close());

  test('When hundreds of orders wait at a time, clients pipeline, members come and go, and all stop, then there is none', async () => {
    const { a, b, load, random } = stage;
    const ids = Array.from({ length: ORDERS }, () => random.uuid());
    const post = (orderId: string) => load.client.send('POST', '/orders',
      JSON.stringify({ orderId, userId: 'user-1', amount: 9.5, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 9.5 }] }));
    const answers = await Promise.all(ids.map(post));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));

    const { hostname, port } = new URL(a.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const lines = 'Host: a\r\nPrefer: wait=1\r\n\r\n';
    for (const id of ids.slice(0, 30)) socket.write(`GET /orders/${id} HTTP/1.1\r\n${lines}`);
    for (let stream = 0; stream < 30; stream += 1) socket.write(`GET /orders/events HTTP/1.1\r\n${lines}`);
    let received = '';
    socket.on('data', (text) => void (received += text.toString()));
    await waitFor('a stream behind the answers', () => received.includes('text/event-stream'));

    const member = await stage.addMember();
    await member.untilReady();
    const state = async (): Promise<string> => JSON.stringify(await Promise.all(ids.map(async (id) => (await load.client.send('GET', `/orders/${id}`)).body)));
    await waitFor('every order to be finished', async () => !(await state()).includes('\\"pending\\"'), { timeoutMs: 60_000 });
    socket.destroy();
    const seen = warnings();
    expect((await stage.removeMember()).code).toBe(0);
    expect([(await a.stop()).code, (await b.stop()).code]).toEqual([0, 0]);
    expect([...seen, ...warnings(), ...member.lines.filter((line) => /^\(node:\d+\)/.test(line))]).toEqual([]);
  });
});
