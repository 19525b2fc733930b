import request, { type Response } from 'supertest';
import { createExpressServer } from '../../src/utils/server';
import { basic, bearer, findHolder, reads, writes } from '../support/access';
import { anOrder, created, orderIdOf } from '../support/builders';
import { anApp } from '../support/http';
import { answersIn, closeAll, listening, rawClient } from '../support/raw';

const board = [{ path: '/', type: 'text/html', body: Buffer.from('<!doctype html>') }, { path: '/board/main.js', type: 'text/javascript', body: Buffer.from('') }];
const aGuardedApp = (differences: Parameters<typeof anApp>[0] = {}) => anApp({ findHolder, board, ...differences });

const known = `/orders/${orderIdOf(0)}`;
const unknown = `/orders/${orderIdOf(1)}`;
const protectedPaths = ['/', '/board/main.js', '/orders', '/ORDERS/', known, unknown, `${known}/events`, '/orders/events', '/nowhere'];

const challenges = (response: Response): string[] =>
  response.headers['www-authenticate']!.split(', Bearer').map((one, i) => i === 0 ? one : `Bearer${one}`);

const expectRefusal = (response: Response, status: number, detail: string): void => {
  expect(response.status).toBe(status);
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.body).toMatchObject({ type: 'about:blank', status, detail });
};

const post = (app: ReturnType<typeof anApp>['app'], headers: Record<string, string>) => request(app).post('/orders').set(headers).send(anOrder());

afterEach(closeAll);

describe('without a token', () => {
  test.each(protectedPaths)('When %s is asked for, then it is 401 and says how to come in', async (path) => {
    const { app, tell } = aGuardedApp();
    tell(created());
    const response = await request(app).get(path);
    expectRefusal(response, 401, 'A token is needed.');
    expect(challenges(response)).toEqual(['Basic realm="orders", charset="UTF-8"', 'Bearer realm="orders"']);
  });

  test('When an order that is there and one that is not are asked for, then the answers are the same to the byte', async () => {
    const { app, tell } = aGuardedApp();
    tell(created());
    const [one, other] = await Promise.all([request(app).get(known), request(app).get(unknown)]);
    expect(one.text).toBe(other.text);
    const { date: _one, ...headers } = one.headers as Record<string, string>;
    const { date: _other, ...others } = other.headers as Record<string, string>;
    expect(headers).toEqual(others);
  });

  test('When an order is posted, then it is 401 and nothing is published', async () => {
    const { app, published, spans } = aGuardedApp();
    expectRefusal(await post(app, {}), 401, 'A token is needed.');
    expect([published, spans]).toEqual([[], []]);
  });

  test.each(['/health', '/ready', '/metrics'])('When a machine asks for %s, then it is answered', async (path) => {
    expect((await request(aGuardedApp().app).get(path)).status).toBe(200);
  });

  test.each(['', 'Bearer', 'Bearer ', 'Basic', 'Basic ', 'Basic !', `Digest ${writes}`, writes, basic('').Authorization, `Bearer ${writes} ${writes}`,
    `Basic ${Buffer.from(writes).toString('base64')}`])('When the field reads "%s", then that is none', async (field) => {
    expectRefusal(await request(aGuardedApp().app).get('/orders').set('Authorization', field), 401, 'A token is needed.');
  });

  test.each([bearer('wrong'), basic('wrong'), basic('wrong', writes)])('When it is none that is known (%j), then it is 401 and says so', async (headers) => {
    const response = await post(aGuardedApp().app, headers);
    expectRefusal(response, 401, 'This token is not known.');
    expect(challenges(response)[1]).toBe('Bearer realm="orders", error="invalid_token"');
  });
});

describe('with a token', () => {
  test.each([bearer(writes), { Authorization: `bEARER  ${writes}` }, basic(writes), basic(writes, ''), basic(writes, 'ünal')])(
    'When an order is posted with one that may write (%j), then it is accepted', async (headers) => {
      expect((await post(aGuardedApp().app, headers)).status).toBe(202);
    });

  test.each([['read', reads], ['write', writes]])('When it may %s, then orders, events and the board can be read', async (_scope, token) => {
    const { app, tell } = aGuardedApp();
    tell(created());
    for (const path of ['/', '/board/main.js', '/orders', known]) expect((await request(app).get(path).set(bearer(token))).status).toBe(200);
    expect((await request(app).head('/orders/events').set(bearer(token))).status).toBe(200);
  });

  test('When it may only read, then an order is refused with 403 and not published', async () => {
    const { app, published } = aGuardedApp();
    const response = await post(app, bearer(reads));
    expectRefusal(response, 403, 'This token may only read.');
    expect(challenges(response)[1]).toBe('Bearer realm="orders", error="insufficient_scope", scope="write"');
    expect(published).toEqual([]);
  });

  test('When nothing is at the address or the method is none of its, then that is told as ever', async () => {
    const { app } = aGuardedApp();
    expect((await request(app).get('/nowhere').set(bearer(reads))).status).toBe(404);
    expect((await request(app).delete('/orders').set(bearer(writes))).status).toBe(405);
  });

  test('When a request fails, then neither log, nor metrics, nor spans, nor the answer hold the token', async () => {
    const { app, lines, metrics, spans } = aGuardedApp({ placeOrder: () => Promise.reject(new Error('a fault')) });
    const response = await post(app, { ...bearer(writes), traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
    expect(response.status).toBe(500);
    expect(lines).toHaveLength(1);
    expect(JSON.stringify([lines, spans, response.headers, response.text]) + await metrics.text()).not.toContain(writes);
  });
});

describe('a request that is refused', () => {
  const raw = (headers: string[], body: string): string =>
    ['POST /orders HTTP/1.1', 'Host: a', 'Content-Type: application/json', ...headers, '', body].join('\r\n');

  test('When it has a body, then the next one of its connection is answered', async () => {
    const client = await rawClient(await listening(createExpressServer(aGuardedApp().app)));
    client.send(raw(['Content-Length: 60000'], 'x'.repeat(60_000)), 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    const answers = answersIn(await client.until('"healthy"'));
    expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([[401, 'keep-alive'], [200, 'keep-alive']]);
  });

  test.each([['Content-Length: 200000', 'x'.repeat(1_000)], ['Transfer-Encoding: chunked', '5\r\n12345\r\n']])(
    'When its body may be large (%s), then the answer comes before it and ends the connection', async (field, body) => {
      const client = await rawClient(await listening(createExpressServer(aGuardedApp().app)));
      client.send(raw([field], body));
      expect(answersIn(await client.end())).toMatchObject([{ status: 401, headers: { connection: 'close' } }]);
    });

  test('When it asks whether to send its body, then it is not told to', async () => {
    const client = await rawClient(await listening(createExpressServer(aGuardedApp().app)));
    client.send(raw(['Content-Length: 10', 'Expect: 100-continue'], ''));
    expect(await client.until('A token is needed.')).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('pages of other origins', () => {
  const evil = { Origin: 'https://evil.example' };

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', ''])(
    'When one posts what needs no leave (%s) with the password that the browser knows, then no order is placed', async (type) => {
      const { app, published } = aGuardedApp();
      const response = await request(app).post('/orders').set({ ...evil, ...basic(writes), 'Content-Type': type }).send(JSON.stringify(anOrder()));
      expect(response.status).toBe(415);
      expect(published).toEqual([]);
    });

  test.each([['*'], ['https://shop.example']])('When any may call from %s, then no browser lends them its password', async (origin) => {
    const { app } = aGuardedApp({ corsOrigins: [origin] });
    const headers = { ...evil, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    const [preflight, answer] = await Promise.all([request(app).options('/orders').set(headers), request(app).get('/orders').set({ ...evil, ...basic(reads) })]);
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
    expect(answer.status).toBe(200);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test('When a page that may call has a token of its own, then it may ask with it, and reads why it is refused', async () => {
    const shop = { Origin: 'https://shop.example' };
    const { app } = aGuardedApp({ corsOrigins: ['https://shop.example'] });
    const preflight = await request(app).options('/orders')
      .set({ ...shop, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.example', 'access-control-allow-headers': 'authorization,content-type',
    });
    const refused = await post(app, { ...shop, ...bearer(reads) });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([403, 'https://shop.example']);
  });
});
