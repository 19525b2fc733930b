import express, { type Request } from 'express';
import request from 'supertest';
import { createRateLimit } from '../../src/routes/rate-limit';
import { createExpressServer } from '../../src/utils/server';
import { bearer, findHolder, reads, writes } from '../support/access';
import { anOrder } from '../support/builders';
import { anApp } from '../support/http';
import { answersIn, closeAll, listening, rawClient } from '../support/raw';

afterEach(closeAll);

describe('more requests than a client may make in a minute', () => {
  test('When one is too many, then it is 429 with the time to wait, and what is left is told from the first on', async () => {
    const { app, published } = anApp({ ratePerMinute: 2 });
    const answers = [];
    for (let i = 0; i < 3; i += 1) answers.push(await request(app).post('/orders').send(anOrder()));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
    expect(published).toHaveLength(1);
    const [first, , last] = answers;
    expect(first!.headers).toMatchObject({
      'ratelimit': expect.stringMatching(/^"minute"; r=1; t=(59|60)$/) as string, 'location': expect.any(String) as string,
      'ratelimit-policy': expect.stringMatching(/^"minute"; q=2; w=60; pk=/) as string, 'x-content-type-options': 'nosniff',
    });
    expect(last!.headers).toMatchObject({
      'content-type': 'application/problem+json', 'retry-after': expect.stringMatching(/^(59|60)$/) as string,
      'ratelimit': expect.stringMatching(/^"minute"; r=0; t=(59|60)$/) as string,
    });
    expect(last!.body).toMatchObject({ type: 'about:blank', title: 'Too Many Requests', status: 429, detail: 'More than 2 requests in a minute.' });
  });

  test('When there are more of what machines ask, then they are answered', async () => {
    const { app } = anApp({ ratePerMinute: 1 });
    for (const path of ['/health', '/ready', '/metrics', '/health', '/orders']) expect((await request(app).get(path)).status).toBe(200);
    expect((await request(app).get('/orders')).status).toBe(429);
  });

  test('When it has a body, then the next request of its connection is answered', async () => {
    const { app } = anApp({ ratePerMinute: 1 });
    const client = await rawClient(await listening(createExpressServer(app)));
    const post = `POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n${' '.repeat(50_000)}`;
    client.send('GET /orders HTTP/1.1\r\nHost: a\r\n\r\n', post, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answersIn(await client.until('"healthy"')).map(({ status }) => status)).toEqual([200, 429, 200]);
  });

  test('When it is unlimited, then no answer speaks of a limit', async () => {
    expect((await request(anApp().app).get('/orders')).headers['ratelimit']).toBeUndefined();
  });
});

describe('clients', () => {
  test('When each has a token, then each has a count, and who has none has that of the address', async () => {
    const { app } = anApp({ findHolder, ratePerMinute: 1 });
    const ask = async (headers: Record<string, string>): Promise<number> => (await request(app).get('/orders').set(headers)).status;
    expect([await ask(bearer(reads)), await ask(bearer(writes)), await ask({}), await ask(bearer('wrong'))]).toEqual([200, 200, 401, 429]);
    expect([await ask(bearer(reads)), await ask(bearer(writes))]).toEqual([429, 429]);
  });

  test('When a limit and tokens are asked for, then a refusal has all challenges', async () => {
    const { headers } = await request(anApp({ findHolder, ratePerMinute: 9 }).app).get('/orders');
    expect(headers['www-authenticate']).toBe('Basic realm="orders", charset="UTF-8", Bearer realm="orders"');
  });

  /** Statuses of requests that come from these addresses. */
  const statusesOf = async (addresses: string[], limits: { perMinute?: number; addressesMax?: number } = {}): Promise<number[]> => {
    const app = express();
    let address = '';
    app.use((req, _res, next) => {
      Object.defineProperty(req, 'socket', { value: { remoteAddress: address } });
      next();
    });
    app.use(createRateLimit({ perMinute: 1, nameOf: (req: Request) => req.get('X-Name'), ...limits }), (_req, res) => void res.end());
    app.use(((error: { status: number }, _req, res, _next) => void res.status(error.status).end()) as express.ErrorRequestHandler);
    const statuses: number[] = [];
    for (address of addresses) statuses.push((await request(app).get('/')).status);
    return statuses;
  };

  test.each([
    ['of IPv4', ['10.0.0.1', '10.0.0.2', '10.0.0.1'], [200, 200, 429]],
    ['of IPv4, written as IPv6', ['::ffff:10.0.0.1', '::ffff:10.0.0.2', '10.0.0.1'], [200, 200, 429]],
    ['of one network of IPv6', ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:f::'], [200, 429, 429]],
    ['of two networks of IPv6', ['2001:db8:0:1::1', '2001:db8:0:2::1'], [200, 200]],
    ['that is not known any more', ['', ''], [200, 429]],
  ])('When addresses are %s, then those of one network share a count', async (_what, addresses, statuses) => {
    expect(await statusesOf(addresses)).toEqual(statuses);
  });

  test('When there are more addresses than are told apart, then the others share a count and those known keep theirs', async () => {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.1', '10.0.0.1'];
    expect(await statusesOf(addresses, { perMinute: 2, addressesMax: 2 })).toEqual([200, 200, 200, 200, 429, 200, 429]);
  });

  test('When a client says that it came by another address, then that is not believed', async () => {
    const { app } = anApp({ ratePerMinute: 1 });
    const statuses = [];
    for (const address of ['1.1.1.1', '2.2.2.2']) statuses.push((await request(app).get('/orders').set({ 'X-Forwarded-For': address, 'Forwarded': `for=${address}` })).status);
    expect(statuses).toEqual([200, 429]);
  });
});
