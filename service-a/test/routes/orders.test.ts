import request, { type Response, type Test } from 'supertest';
import { StoreUnavailableError } from '../../src/processors/order-store';
import { BrokerUnavailableError, QueueFullError } from '../../src/processors/place-order';
import { createMemoryStore } from '../../src/store/memory';
import { anOrder, created, failed, orderIdOf, paid } from '../support/builders';
import { eventually } from '../support/fakes';
import { anApp } from '../support/http';

const theOrder = `/orders/${orderIdOf(0)}`;

const post = (it = anApp()): Test => request(it.app).post('/orders');

/** Posts bytes as they are. */
const postBytes = (bytes: Buffer | string, headers: Record<string, string> = {}, it = anApp()): Test => {
  const test = post(it).set({ 'Content-Type': 'application/json', ...headers });
  test.write(bytes);
  return test;
};

const expectProblem = (response: Response, status: number, title: string): void => {
  expect(response.status).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(response.text)).toMatchObject({ type: 'about:blank', title, status, detail: expect.stringMatching(/\w/) as string });
};

const faultsOf = (response: Response): string[] =>
  (JSON.parse(response.text) as { errors: { path: string; message: string }[] }).errors.map(({ path }) => path);

const bodyOf = (bytes: number): string => {
  const [head, tail] = [JSON.stringify(anOrder()).slice(0, -1), '}'];
  return `${head},"padding":"${'x'.repeat(bytes - head.length - tail.length - 13)}"${tail}`;
};

describe('POST /orders is accepted', () => {
  test('When an order is posted, then it is 202 with the way to it', async () => {
    const response = await post().send(anOrder());
    expect(response.status).toBe(202);
    expect(response.headers['location']).toBe(theOrder);
    expect(response.body).toEqual({ message: 'Order accepted for processing', orderId: orderIdOf(0), status: 'pending' });
  });

  test('When it has no orderId, then the service makes one', async () => {
    const it = anApp();
    const response = await post(it).send({ ...anOrder(), orderId: undefined });
    expect(response.body).toMatchObject({ orderId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/) as string });
    expect(it.published).toMatchObject([{ data: { orderId: response.headers['location']?.slice('/orders/'.length) } }]);
  });

  test('When its orderId is in capitals, then it is lower-cased', async () => {
    const response = await post().send(anOrder({ orderId: orderIdOf(0).toUpperCase() }));
    expect(response.headers['location']).toBe(theOrder);
  });

  test('When it holds fields that are not known, then they are dropped', async () => {
    const it = anApp();
    await post(it).send({ ...anOrder(), coupon: 'X', items: [{ ...anOrder().items[0], colour: 'red' }] });
    expect(it.published.map(({ data }) => data)).toEqual([anOrder()]);
  });

  test('When the same order is posted again, written differently, then it is 202 with its current status and no second event', async () => {
    const it = anApp();
    await post(it).send(anOrder());
    it.tell(paid());
    const { items, ...rest } = anOrder();
    const response = await post(it).send({ extra: 1, items, ...rest, orderId: orderIdOf(0).toUpperCase() });
    expect(response.status).toBe(202);
    expect(response.body).toMatchObject({ orderId: orderIdOf(0), status: 'completed' });
    expect(it.published).toHaveLength(1);
  });

  test('When the body is exactly 256 KiB, then it is taken', async () => {
    const body = bodyOf(262_144);
    expect(Buffer.byteLength(body)).toBe(262_144);
    expect((await postBytes(body)).status).toBe(202);
  });
});

describe('POST /orders is refused', () => {
  test('When nothing of the order is right, then it is 400 with all faults at once', async () => {
    const response = await post().send({ orderId: 'x', userId: '', amount: -1, currency: 'usd', items: [{ productId: '', quantity: 0, price: -1 }] });
    expectProblem(response, 400, 'Bad Request');
    expect(faultsOf(response).sort())
      .toEqual(['amount', 'currency', 'items.0.price', 'items.0.productId', 'items.0.quantity', 'orderId', 'userId']);
  });

  test('When the order is empty, then it is 400 with every field that is missing', async () => {
    const response = await post().send({});
    expectProblem(response, 400, 'Bad Request');
    expect(faultsOf(response).sort()).toEqual(['amount', 'currency', 'items', 'userId']);
  });

  test('When there is no body, then it is 400', async () => {
    expectProblem(await post(), 400, 'Bad Request');
  });

  test.each([
    ['malformed JSON', '{"orderId":'],
    ['a number', '42'],
    ['a list', '[]'],
    ['an order but for a byte that is not UTF-8', Buffer.from(JSON.stringify(anOrder({ userId: 'caf\u{e9}' })), 'latin1')],
    ['deeply nested', '['.repeat(200_000)],
    ['an own __proto__', '{"__proto__":{"userId":"user-123"}}'],
  ])('When the body is %s, then it is 400', async (_what, body) => {
    expectProblem(await postBytes(body), 400, 'Bad Request');
  });

  test('When another order has the id, then it is 409 and nothing is published', async () => {
    const it = anApp();
    it.tell(created());
    expectProblem(await post(it).send(anOrder({ amount: 1 })), 409, 'Conflict');
    expect(it.published).toEqual([]);
  });

  test('When the body is a byte more than 256 KiB, then it is 413', async () => {
    expectProblem(await postBytes(bodyOf(262_145)), 413, 'Payload Too Large');
  });

  test.each<[string, Record<string, string>]>([
    ['text', { 'Content-Type': 'text/plain' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['JSON of another character set', { 'Content-Type': 'application/json; charset=iso-8859-1' }],
    ['JSON in UTF-16', { 'Content-Type': 'application/json; charset=utf-16le' }],
    ['in an encoding nobody knows', { 'Content-Encoding': 'secret' }],
  ])('When the body is %s, then it is 415', async (_what, headers) => {
    const bytes = headers['Content-Type']?.includes('utf-16') ? Buffer.from(JSON.stringify(anOrder()), 'utf16le') : JSON.stringify(anOrder());
    expectProblem(await postBytes(bytes, headers), 415, 'Unsupported Media Type');
  });

  test.each([
    ['the broker does not acknowledge in time', new BrokerUnavailableError('no acknowledgement of broker-17')],
    ['the queue is full', new QueueFullError('10000 orders wait')],
    ['the store cannot be asked', new StoreUnavailableError('no connection to db-17')],
  ])('When %s, then it is 503 with Retry-After', async (_what, error) => {
    const response = await post(anApp({ placeOrder: () => Promise.reject(error) })).send(anOrder());
    expectProblem(response, 503, 'Service Unavailable');
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(response.text).not.toContain(error.message);
  });

  test('When the state is being rebuilt, then it is 503 with Retry-After and nothing is published', async () => {
    const it = anApp({ caughtUp: false });
    const response = await post(it).send(anOrder());
    expectProblem(response, 503, 'Service Unavailable');
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(it.published).toEqual([]);
  });

  test('When something unforeseen happens, then it is a bare 500 and the log has the whole error', async () => {
    const error = new Error('secret of the database');
    const it = anApp({ placeOrder: () => Promise.reject(error) });
    const response = await post(it).send(anOrder());
    expectProblem(response, 500, 'Internal Server Error');
    expect(response.text).not.toMatch(/secret|\bat \b|\.ts|\.js|stack/);
    expect(it.lines).toMatchObject([{ level: 'error', message: 'request failed', method: 'POST', path: '/orders', error }]);
  });
});

describe('GET /orders/:id', () => {
  const order = { ...anOrder(), createdAt: '2026-11-22T10:00:00.000Z', attempts: 1 };

  test.each([
    ['pending', [created()], { ...order, status: 'pending', updatedAt: order.createdAt }],
    ['completed', [created(), paid()], { ...order, status: 'completed', updatedAt: paid().at, paymentId: paid().paymentId }],
    ['failed', [created(), failed()], { ...order, status: 'failed', updatedAt: failed().failure.failedAt, failure: failed().failure }],
  ] as const)('When the order is %s, then it is 200 with all that is known of it', async (_status, facts, view) => {
    const { app, tell } = anApp();
    tell(...facts);
    const response = await request(app).get(theOrder);
    expect(response.status).toBe(200);
    expect(response.body).toEqual(view);
  });

  test('When the id is in capitals, then the order is found', async () => {
    const { app, tell } = anApp();
    tell(created());
    expect((await request(app).get(`/orders/${orderIdOf(0).toUpperCase()}`)).status).toBe(200);
  });

  test('When an order was just accepted, then it is found', async () => {
    const it = anApp();
    const { headers } = await post(it).send(anOrder());
    expect((await request(it.app).get(headers['location'] ?? '')).status).toBe(200);
  });

  test.each([['is not known', theOrder], ['is no uuid', '/orders/1'], ['is the name of a property', '/orders/__proto__']])(
    'When the id %s, then it is 404', async (_what, path) => {
      expectProblem(await request(anApp().app).get(path), 404, 'Not Found');
    });

  test('When only a payment of it is known, then it is 404', async () => {
    const { app, tell } = anApp();
    tell(paid());
    expectProblem(await request(app).get(theOrder), 404, 'Not Found');
  });

  test('When the state is being rebuilt, then it is 503 with Retry-After, not a false 404', async () => {
    const response = await request(anApp({ caughtUp: false }).app).get(theOrder);
    expectProblem(response, 503, 'Service Unavailable');
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  test.each([theOrder, '/orders', `${theOrder}/events`])('When the store cannot be asked, then %s is 503 with Retry-After, not a false 404', async (path) => {
    const error = new StoreUnavailableError('no connection to db-17');
    const store = {
      ...createMemoryStore({ max: 1 }),
      get: () => Promise.reject(error),
      newestFirst: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) }),
    };
    const it = anApp({ store });
    for (const headers of [{}, { Prefer: 'wait=10' }]) {
      const response = await request(it.app).get(path).set(headers);
      expectProblem(response, 503, 'Service Unavailable');
      expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
      expect(response.text).not.toContain(error.message);
    }
    expect(it.waiters.size()).toBe(0);
  });

  test('When something unforeseen happens, then it is a bare 500', async () => {
    const store = { ...createMemoryStore({ max: 1 }), get: () => Promise.reject(new Error('secret of the map')) };
    const response = await request(anApp({ store }).app).get(theOrder);
    expectProblem(response, 500, 'Internal Server Error');
    expect(response.text).not.toContain('secret');
  });
});

describe('GET /orders/:id with Prefer: wait', () => {
  const waiting = (it: ReturnType<typeof anApp>, seconds: number | string): Test => request(it.app).get(theOrder).set('Prefer', `wait=${seconds}`);
  const untilOneWaits = (it: ReturnType<typeof anApp>): Promise<void> => eventually(() => it.waiters.size() === 1);

  test.each([['paid', paid(), 'completed'], ['dead-lettered', failed(), 'failed']])(
    'When the order is %s meanwhile, then that is answered at once, and the preference as applied', async (_what, fact, status) => {
      const it = anApp();
      it.tell(created());
      const [response] = await Promise.all([waiting(it, 10), untilOneWaits(it).then(() => it.tell(fact))]);
      expect(response.body).toMatchObject({ status });
      expect(response.headers['preference-applied']).toBe('wait=10');
    });

  test('When the order is finished already, then there is no waiting', async () => {
    const it = anApp();
    it.tell(created(), paid());
    const response = await waiting(it, 99);
    expect(response.body).toMatchObject({ status: 'completed' });
    expect(response.headers['preference-applied']).toBe('wait=30');
  });

  test('When the time is over, then the order is answered as it is', async () => {
    const it = anApp();
    it.tell(created());
    const startedAt = Date.now();
    const response = await waiting(it, 1);
    expect(Date.now() - startedAt).toBeGreaterThan(900);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ status: 'pending' });
  });

  test('When the order is finished while it is being looked at, then there is no waiting', async () => {
    const store = createMemoryStore({ max: 1 });
    const it = anApp({ store: { ...store, get: async (orderId) => {
      const entry = await store.get(orderId);
      it.tell(paid());
      return entry;
    } } });
    it.tell(created());
    const startedAt = Date.now();
    expect((await waiting(it, 10)).body).toMatchObject({ status: 'completed' });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  test.each(['wait=x', 'respond-async'])('When the preference is %s, then it is ignored', async (prefer) => {
    const it = anApp();
    it.tell(created());
    const response = await request(it.app).get(theOrder).set('Prefer', prefer);
    expect(response.body).toMatchObject({ status: 'pending' });
    expect(response.headers['preference-applied']).toBeUndefined();
  });

  test('When the order is not known, then it is 404 at once', async () => {
    expectProblem(await waiting(anApp(), 10), 404, 'Not Found');
  });

  test('When the client goes away, then nobody waits any longer', async () => {
    const it = anApp();
    it.tell(created());
    const wait = jest.spyOn(it.waiters, 'wait');
    await expect(waiting(it, 30).timeout(200)).rejects.toThrow('Timeout');
    await (wait.mock.results[0]!.value as ReturnType<typeof it.waiters.wait>).over;
  });

  test('When the service closes, then the order is answered at once as it is', async () => {
    const it = anApp();
    it.tell(created());
    const [response] = await Promise.all([waiting(it, 10), untilOneWaits(it).then(() => it.waiters.close())]);
    expect(response.body).toMatchObject({ status: 'pending' });
  });
});

describe('GET /orders', () => {
  type List = { orders: { orderId: string; status: string }[]; next?: string };
  const listed = async (it: ReturnType<typeof anApp>, query = ''): Promise<List> => {
    const response = await request(it.app).get(`/orders${query}`);
    expect(response.status).toBe(200);
    return response.body as List;
  };
  const withOrders = (count: number): ReturnType<typeof anApp> => {
    const it = anApp();
    for (let number = 0; number < count; number += 1) it.tell(created(orderIdOf(number)));
    return it;
  };

  test('When there are no orders, then the list is empty and at its end', async () => {
    expect(await listed(anApp())).toEqual({ orders: [] });
  });

  test('When there are more than a page, then next leads to the others', async () => {
    const it = withOrders(60);
    const [first, { orders, next }] = [await listed(it), await listed(it, '?limit=59')];
    expect(first.orders).toHaveLength(50);
    expect(orders[0]).toEqual((await request(it.app).get(`/orders/${orderIdOf(59)}`)).body);
    expect(await listed(it, `?limit=59&cursor=${next}`)).toEqual({ orders: [expect.objectContaining({ orderId: orderIdOf(0) })] });
  });

  test('When a status and a user are given, then only what has both is listed', async () => {
    const it = withOrders(3);
    it.tell(failed(orderIdOf(1)));
    expect((await listed(it, '?status=failed&userId=user%2D123')).orders).toMatchObject([{ orderId: orderIdOf(1), status: 'failed' }]);
    expect(await listed(it, '?status=failed&userId=user-1234')).toEqual({ orders: [] });
  });

  test('When a parameter is not known, then it is ignored', async () => {
    expect((await listed(withOrders(1), '?colour=red&limit=1')).orders).toHaveLength(1);
  });

  test.each([
    ['limit=0', ['limit']], ['limit=501', ['limit']], ['limit=1.5', ['limit']], ['limit=', ['limit']], ['limit=x', ['limit']],
    ['limit=1&limit=1', ['limit']], ['status=done', ['status']], ['status=', ['status']], ['userId=', ['userId']],
    [`userId=${'u'.repeat(129)}`, ['userId']], ['cursor=x', ['cursor']], ['cursor=', ['cursor']], ['cursor=1.2', ['cursor']],
    ['status=x&limit=-1&cursor=%00', ['cursor', 'limit', 'status']],
  ])('When the query is %s, then it is 400 and names what is wrong', async (query, paths) => {
    const response = await request(anApp().app).get(`/orders?${query}`);
    expectProblem(response, 400, 'Bad Request');
    expect(faultsOf(response).sort()).toEqual(paths);
  });

  test('When the state is being rebuilt, then it is 503 with Retry-After', async () => {
    const response = await request(anApp({ caughtUp: false }).app).get('/orders');
    expectProblem(response, 503, 'Service Unavailable');
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });
});

describe('POST /orders within a trace', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const status = (code: number) => ({ attributes: expect.objectContaining({ 'http.response.status_code': code }) as unknown });

  test('When the order is accepted, then its span follows from the one of the client, and its event from that', async () => {
    const it = anApp();
    await post(it).set({ traceparent, tracestate: 'a=b' }).send(anOrder());
    expect(it.spans).toMatchObject([{ kind: 'server', name: 'POST /orders', parent: { traceparent, tracestate: 'a=b' }, ...status(202) }]);
    expect(it.traces).toEqual([{ traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01', tracestate: 'a=b' }]);
  });

  test('When the traceparent is not valid, then the order is accepted outside of any trace', async () => {
    const it = anApp();
    await post(it).set({ traceparent: '00-x' }).send(anOrder());
    expect(it.traces).toEqual([undefined]);
  });

  test('When the fault is the client\'s, then the span tells the status and no error', async () => {
    const it = anApp();
    await post(it).set({ traceparent }).send({});
    expect(it.spans).toMatchObject([status(400)]);
    expect(it.spans[0]).not.toHaveProperty('error');
  });

  test('When the fault is not the client\'s, then the span tells the error', async () => {
    const error = new BrokerUnavailableError('no acknowledgement');
    const it = anApp({ placeOrder: () => Promise.reject(error) });
    await post(it).set({ traceparent }).send(anOrder());
    expect(it.spans).toMatchObject([{ error, ...status(503) }]);
  });
});

describe('another method', () => {
  test.each([
    ['PUT', '/orders', 'GET, HEAD, POST'], ['DELETE', theOrder, 'GET, HEAD'], ['PATCH', theOrder, 'GET, HEAD'],
    ['POST', '/orders/events', 'GET, HEAD'], ['POST', `${theOrder}/events`, 'GET, HEAD'],
  ] as const)('When %s %s is asked for, then it is 405 with Allow', async (method, path, allow) => {
    const response = await request(anApp().app)[method.toLowerCase() as 'put' | 'post' | 'delete' | 'patch'](path);
    expectProblem(response, 405, 'Method Not Allowed');
    expect(response.headers['allow']).toBe(allow);
  });
});
