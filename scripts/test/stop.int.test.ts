import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

type Answer = { status: number; connection: string; body: string };

/** Asks once on a connection of `agent`; rejects when there is no whole answer. */
const ask = (agent: Agent, url: string, body?: string): Promise<Answer> => new Promise((resolve, reject) => {
  const options = { agent, method: body === undefined ? 'GET' : 'POST', headers: body === undefined ? {} : { 'Content-Type': 'application/json' } };
  const sent = request(url, options, (response: IncomingMessage) => {
    let text = '';
    response.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    response.once('error', reject);
    response.once('end', () => resolve({ status: response.statusCode ?? 0, connection: response.headers.connection ?? '', body: text }));
  });
  sent.once('error', reject);
  sent.end(body);
});

/** A client with one connection that it keeps while it may; ends when nobody listens. Faults are requests that were not answered. */
const askUntilGone = async (one: (agent: Agent) => Promise<Answer>, pauseMs: number): Promise<{ answers: Answer[]; faults: string[] }> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const said = { answers: [] as Answer[], faults: [] as string[] };
  for (;;) {
    try {
      said.answers.push(await one(agent));
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED') return said;
      said.faults.push(message);
    }
    await sleep(pauseMs);
  }
};

describe('12.17 Services that stop, on a real broker', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await createStage({ name: 'stop-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(13), perSecond: 300 });
    await stage.untilReady();
  });

  afterAll(async () => {
    await stage.close();
  });

  const order = (): string => JSON.stringify({
    orderId: stage.random.uuid(), userId: 'u', amount: 1, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 1 }],
  });

  it.each(['a', 'b'] as const)('When service-%s gets SIGTERM while clients go on asking, then each request is answered and none is reset', async (name) => {
    const service = stage[name];
    const clients = Array.from({ length: 10 }, (_, i) => askUntilGone((agent) => {
      if (i === 0) return ask(agent, `${service.url}/ready`);
      return name === 'a' && i % 2 === 1 ? ask(agent, `${service.url}/orders`, order()) : ask(agent, `${service.url}/health`);
    }, i * 10));
    await sleep(300);
    const exit = await service.stop();
    const said = await Promise.all(clients);
    expect(said.flatMap(({ faults }) => faults)).toEqual([]);
    expect(said.slice(1).flatMap(({ answers }) => answers).filter(({ status }) => status !== 200 && status !== 202)).toEqual([]);
    const probes = said[0]!.answers;
    expect(probes[0]).toMatchObject({ status: 200, connection: 'keep-alive' });
    expect(probes.at(-1)).toMatchObject({ status: 503, connection: 'close' });
    expect(JSON.parse(probes.at(-1)!.body)).toMatchObject({ status: 'not ready', checks: { notStopping: false } });
    expect(exit.code).toBe(0);
    expect(exit.ms).toBeLessThan(10_000);
    if (name === 'a') {
      service.start();
      await waitFor('service-a to be back', service.ready, { timeoutMs: 30_000 });
    }
  }, 60_000);
});
