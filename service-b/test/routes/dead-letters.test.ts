import request from 'supertest';
import { createExpressServer } from '../../src/utils/server';
import { bearer, findHolder, reads, writes } from '../support/access';
import { deferred, eventually } from '../support/fakes';
import { anOperator, anOutcome } from '../support/operator';
import { orderIdOf } from '../support/builders';
import type { Outcome } from '../../src/dead-letters/redrive';
import type { Server } from 'node:http';

const redrives = '/dead-letters/redrives';
const dryRun = { filter: {}, dryRun: true };
const real = { filter: {}, dryRun: false };

describe('listing', () => {
  test('When the list is asked for, then it comes in pages, is kept by no cache and shown to no other origin', async () => {
    const { app } = anOperator();
    const first = await request(app).get('/dead-letters?limit=6').set('Origin', 'https://elsewhere.example');
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.headers['access-control-allow-origin']).toBeUndefined();
    const { items, next, total } = first.body as { items: { position: string }[]; next: string; total: number };
    expect([items.length, total]).toEqual([6, 10]);
    const second = await request(app).get(`/dead-letters?limit=6&after=${next}`);
    expect(second.body).toMatchObject({ next: null });
    expect((second.body as { items: unknown[] }).items).toHaveLength(4);
  });

  test('When filters are given, then they hold', async () => {
    const query = `order=${orderIdOf(3)}&type=PaymentDeclinedError&since=2026-11-22T10:00:02Z`;
    expect((await request(anOperator().app).get(`/dead-letters?${query}`)).body).toMatchObject({ total: 1, items: [{ position: '0:3', orderId: orderIdOf(3), state: 'open' }] });
    expect((await request(anOperator().app).get('/dead-letters?type=unreadable')).body).toMatchObject({ total: 0 });
  });

  test('When one is asked for, then it is there or not', async () => {
    const { app } = anOperator();
    expect((await request(app).get('/dead-letters/0/3')).body).toMatchObject({ position: '0:3' });
    expect((await request(app).get('/dead-letters/0/30')).status).toBe(404);
  });

  test('When the status is asked for, then each check, partition and figure is there', async () => {
    expect((await request(anOperator().app).get('/status')).body).toMatchObject({
      checks: [{ name: 'consumerJoined', ok: true, runbook: 'ServiceNotReady' }, { name: 'paymentsWritable', ok: false }],
      partitions: [{ partition: 0, lag: 3, standing: false }, { partition: 1, lag: 0, standing: true }],
      rebalances: { last5m: 1, total: 2 },
    });
  });
});

describe('putting back', () => {
  test('When it is tried, then it says what would happen', async () => {
    const { app, planned } = anOperator();
    const answer = await request(app).post(redrives).send({ filter: { type: 'T', since: '2026-01-01T00:00:00Z' }, rate: 5, dryRun: true });
    expect([answer.status, answer.body]).toEqual([200, { chosen: 10, toPutBack: 7, skipped: [{ reason: 'order is paid', count: 3 }] }]);
    expect(planned).toEqual([{ positions: undefined, filter: { type: 'T', since: Date.UTC(2026, 0) }, rate: 5, dryRun: true }]);
    await request(app).post(redrives).send({ positions: ['0:1', '2:9007199254740993'], dryRun: true }).expect(404);
    expect(planned[1]!.positions).toEqual([{ partition: 0, offset: 1n }, { partition: 2, offset: 9_007_199_254_740_993n }]);
  });

  test('When it is begun, then it is shown until its outcomes are known, and no other one begins meanwhile', async () => {
    const end = deferred<Outcome>();
    const { app, letters } = anOperator({ run: async (_request, { confirm, onRedriven }) => {
      await confirm({ chosen: 3, toPutBack: 2, skipped: new Map([['order is paid', 1]]) });
      onRedriven('0:1');
      onRedriven('0:2');
      return end.promise;
    } });
    const answer = await request(app).post(redrives).send(real);
    const { id } = answer.body as { id: string };
    expect([answer.status, answer.headers['location']]).toEqual([202, `${redrives}/${id}`]);
    const other = await request(app).post(redrives).send(real);
    expect([other.status, other.body]).toMatchObject([409, { redrive: id }]);
    letters.paid(orderIdOf(1));
    expect((await request(app).get(`${redrives}/${id}`)).body).toMatchObject({ state: 'running', chosen: 3, toPutBack: 2, putBack: 2, paid: 1, pending: 1 });
    end.resolve(anOutcome({ chosen: 3, toPutBack: 2, putBack: 2, skipped: new Map([['order is paid', 1]]) }));
    await eventually(() => letters.size() === 10);
    expect((await request(app).get(redrives)).body).toMatchObject({ redrives: [{ id, state: 'done', skipped: [{ reason: 'order is paid', count: 1 }] }] });
  });

  test('When it is stopped, then it is told to, and says so', async () => {
    const { app } = anOperator({ run: (_request, { signal }) => new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(anOutcome({ toPutBack: 5, putBack: 2, stopped: signal.reason })));
    }) });
    const { id } = (await request(app).post(redrives).send(real)).body as { id: string };
    expect((await request(app).delete(`${redrives}/${id}`)).status).toBe(202);
    expect((await request(app).get(`${redrives}/${id}`)).body).toMatchObject({ state: 'stopped', toPutBack: 5, error: null });
    expect((await request(app).delete(`${redrives}/none`)).status).toBe(404);
  });

  test('When it fails, then it says why', async () => {
    const { app } = anOperator({ run: async () => Promise.reject(new Error('no answer within 10 s')) });
    const { id } = (await request(app).post(redrives).send(real)).body as { id: string };
    expect((await request(app).get(`${redrives}/${id}`)).body).toMatchObject({ state: 'failed', error: 'no answer within 10 s', endedAt: expect.any(String) as string });
  });
});

test.each([
  Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:9092'), { code: 'ECONNREFUSED' }),
  Object.assign(new Error('Connection error: kafka-2:9092'), { name: 'KafkaJSConnectionError' }),
  new Error('Kafka at kafka-2:9092: cannot read the ends of orders: refused', { cause: new Error('refused') }),
])('When a redrive fails by %p, then the address in it is not told', async (error) => {
  const { app } = anOperator({ run: async () => Promise.reject(error) });
  const { id } = (await request(app).post(redrives).send(real)).body as { id: string };
  expect((await request(app).get(`${redrives}/${id}`)).body).toMatchObject({ state: 'failed', error: 'the broker cannot be reached, or refuses it' });
});

describe('pages of other origins', () => {
  test.each([
    [{ 'Sec-Fetch-Site': 'cross-site' }], [{ 'Sec-Fetch-Site': 'same-site' }], [{ Origin: 'https://elsewhere.example' }], [{ Origin: 'null' }],
    [{ Origin: 'http://ops.example:3003', Host: 'ops.example:3002' }], [{ 'Sec-Fetch-Site': 'cross-site', 'Origin': 'http://ops.example', 'Host': 'ops.example' }],
  ])('When the request has %j, then nothing is begun or stopped', async (headers) => {
    const { app, planned } = anOperator();
    expect((await request(app).post(redrives).set(headers as Record<string, string>).send(dryRun)).status).toBe(403);
    expect((await request(app).delete(`${redrives}/x`).set(headers as Record<string, string>)).status).toBe(403);
    expect(planned).toEqual([]);
  });

  test.each([{ 'Sec-Fetch-Site': 'same-origin', 'Origin': 'http://ops.example:3002', 'Host': 'ops.example:3002' }, { 'Sec-Fetch-Site': 'none' }, {}])(
    'When it has %j, then it is its own', async (headers) => {
      expect((await request(anOperator().app).post(redrives).set(headers as Record<string, string>).send(dryRun)).status).toBe(200);
    });

  test('When a form or a script sends what needs no leave, then it is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expect((await request(anOperator().app).post(redrives).set('Content-Type', type).send(JSON.stringify(dryRun))).status).toBe(415);
    }
    expect((await request(anOperator().app).options(redrives)).status).toBe(405);
  });
});

describe('tokens', () => {
  test('When tokens are asked for, then nothing is told without one, and nothing begun with one that reads', async () => {
    const { app, planned } = anOperator({ findHolder, page: [{ path: '/', type: 'text/html', body: Buffer.from('') }] });
    for (const path of ['/', '/dead-letters', '/dead-letters/0/1', '/dead-letters/events', redrives, `${redrives}/x`, '/status', '/nowhere']) {
      expect((await request(app).get(path)).status).toBe(401);
    }
    for (const path of ['/health', '/metrics']) expect((await request(app).get(path)).status).toBe(200);
    for (const path of ['/', '/dead-letters', '/status']) expect((await request(app).get(path).set(bearer(reads))).status).toBe(200);
    expect((await request(app).post(redrives).set(bearer(reads)).send(dryRun)).status).toBe(403);
    expect(planned).toEqual([]);
    expect((await request(app).post(redrives).set(bearer(writes)).send(dryRun)).status).toBe(200);
  });
});

describe('events', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.closeAllConnections()));

  const listening = async (operator: ReturnType<typeof anOperator>): Promise<string> => {
    const server = createExpressServer(operator.app);
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  };

  test('When there are a hundred streams, then one more is refused, until one ends', async () => {
    const operator = anOperator();
    const url = await listening(operator);
    const stop = new AbortController();
    const open = () => fetch(`${url}/dead-letters/events`, { signal: stop.signal });
    const streams = await Promise.all(Array.from({ length: 100 }, open));
    expect(streams.every(({ status }) => status === 200)).toBe(true);
    expect((await open()).status).toBe(503);
    stop.abort();
    await eventually(() => operator.events.size() === 0);
    expect((await fetch(`${url}/dead-letters/events`, { method: 'HEAD' })).status).toBe(200);
    operator.events.close();
  });

  test('When something changes, then it is told; when a redrive is over, then its stream ends', async () => {
    const end = deferred<Outcome>();
    const operator = anOperator({ run: () => end.promise });
    const url = await listening(operator);
    const { id } = await (await fetch(`${url}${redrives}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(real),
    })).json() as { id: string };
    const all = fetch(`${url}/dead-letters/events`).then((answer) => answer.text());
    const one = fetch(`${url}${redrives}/${id}`, { headers: { Accept: 'text/event-stream' } }).then((answer) => answer.text());
    await eventually(() => operator.events.size() === 2);
    operator.letters.paid(orderIdOf(1));
    operator.events.changed();
    end.resolve(anOutcome());
    expect(await one).toMatch(/^retry: 1000\n\nevent: redrive\ndata: .*"running".*\n\nevent: redrive\ndata: .*"done".*\n\n$/);
    operator.events.close();
    const text = await all;
    expect(text).toMatch(/^retry: 1000\n\nevent: change\ndata: \{"total":10.*"paid":0/);
    expect(text).toMatch(/"paid":1/);
  });
});

describe('40 abuses', () => {
  const get = (path: string): [string, string] => ['GET', path];
  test.each<[string, string]>([
    ...['limit=0', 'limit=201', 'limit=1e2', 'limit=', 'limit=-1', 'limit=1&limit=2', 'after=x', 'after=1.2', 'after=1.2.3.4', 'after=99999999999999999.1.1',
      'since=yesterday', 'since=2026-13-01T00:00:00Z', 'until=1', 'type=', 'order=', `order=${'x'.repeat(1_001)}`, 'type=a&type=b', 'since[]=1&since=x']
      .map((query) => get(`/dead-letters?${query}`)),
  ])('When %s %s is asked for, then it is 400', async (_method, path) => {
    const { status, headers } = await request(anOperator().app).get(path);
    expect([status, headers['content-type']]).toEqual([400, 'application/problem+json; charset=utf-8']);
  });

  test.each<[string, string, number]>([
    ['GET', '/dead-letters/x/1', 404], ['GET', '/dead-letters/0/-1', 404], ['GET', '/dead-letters/0/99999999999999999999', 404],
    ['GET', '/dead-letters/%00/1', 404], ['GET', '/dead-letters/%E0%A4%A/1', 404], ['GET', '/dead-letters/__proto__/constructor', 404],
    ['GET', `${redrives}/__proto__`, 404], ['GET', `${redrives}/x/events`, 404], ['GET', '/page/..%2f..%2fdist/index.js', 404],
    ['PUT', '/dead-letters', 405], ['DELETE', '/dead-letters/0/1', 405], ['PATCH', redrives, 405], ['POST', '/status', 405], ['POST', '/dead-letters/events', 405],
    ['GET', '/dead-letters?filter[__proto__][x]=1', 200], ['GET', '/dead-letters?after=-1.0.0', 200], ['HEAD', '/dead-letters', 200],
  ])('When it is %s %s, then it is %i', async (method, path, expected) => {
    const { app, lines } = anOperator();
    const verb = method.toLowerCase() as 'get' | 'put' | 'delete' | 'patch' | 'post' | 'head';
    expect((await request(app)[verb](path)).status).toBe(expected);
    expect(lines).toEqual([]);
  });

  test.each([
    'null', '[]', '1', '"x"', '{', '', '{}', '{"dryRun":true}', '{"dryRun":"true","filter":{}}', '{"dryRun":true,"filter":[]}', '{"dryRun":true,"filter":{"x":1}}',
    '{"dryRun":true,"filter":{},"position":"0:1"}', '{"dryRun":true,"position":"0"}', '{"dryRun":true,"position":{"partition":0}}',
    '{"dryRun":true,"positions":[]}', '{"dryRun":true,"positions":["0:1",null]}', '{"dryRun":true,"filter":{},"rate":0}', '{"dryRun":true,"filter":{},"rate":1.5}',
    '{"dryRun":true,"filter":{},"rate":1e99}', '{"dryRun":true,"filter":{"since":1}}', '{"dryRun":true,"filter":{},"__proto__":{},"more":1}',
    `{"dryRun":true,"positions":[${'"0:1",'.repeat(1_000)}"0:1"]}`, '[['.repeat(20_000),
  ])('When the body is %.60s, then it is 400 and nothing is begun', async (body) => {
    const { app, planned, lines } = anOperator();
    expect((await request(app).post(redrives).set('Content-Type', 'application/json').send(body)).status).toBe(400);
    expect([planned, lines]).toEqual([[], []]);
  });

  test('When the body is too large, compressed, or in another charset, then it is refused', async () => {
    const { app } = anOperator();
    const post = (headers: Record<string, string>, body = JSON.stringify(dryRun)) =>
      request(app).post(redrives).set({ 'Content-Type': 'application/json', ...headers }).send(body);
    expect((await post({}, JSON.stringify({ ...dryRun, more: 'x'.repeat(70_000) }))).status).toBe(413);
    expect((await post({ 'Content-Encoding': 'gzip' })).status).toBe(415);
    expect((await post({ 'Content-Type': 'application/json; charset=latin1' })).status).toBe(415);
  });
});
