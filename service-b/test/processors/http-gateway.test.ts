import { createGateway } from '../../src/processors/create-gateway';
import type { ChargeRequest, ChargeResult } from '../../src/processors/gateway';
import type { Unexpected } from '../../src/processors/http-gateway';
import { idempotencyKeyOf } from '../../src/processors/process-order';
import { aChargeRequest, orderIdOf } from '../support/builders';
import { aProvider, reply } from '../support/provider';

const reference = orderIdOf(0);
const approvedCharge = { id: 'ch_1', reference, amount: 99.99, currency: 'USD', status: 'approved' };
const booked = (differences: Record<string, unknown> = {}) =>
  ({ ...approvedCharge, key: idempotencyKeyOf(reference, 0), createdAt: '2026-11-25T10:00:00.000Z', ...differences });
const books = (...charges: unknown[]) => reply(200, { charges });
const noBooks = books();
const approves = reply(201, approvedCharge);

type Provider = Awaited<ReturnType<typeof aProvider>>;
let providers: Provider[] = [];
afterEach(() => {
  for (const provider of providers) provider.close();
  providers = [];
});

/** The gateway of a provider that gives these replies. */
const aGateway = async (
  replies: Parameters<typeof aProvider>, { timeoutMs = 2_000, urlOf = (provider: Provider) => provider.url } = {},
) => {
  const provider = await aProvider(...replies);
  providers.push(provider);
  const unexpected: Unexpected[] = [];
  const gateway = createGateway({
    url: urlOf(provider), timeoutMs, concurrency: 10, successRate: 0, transientRate: 0, latencyMs: 0,
    onUnexpected: (answer) => void unexpected.push(answer),
  });
  const ask = async (differences: Partial<ChargeRequest> = {}, signal = new AbortController().signal): Promise<ChargeResult> =>
    gateway(aChargeRequest(differences), signal);
  return { ...provider, ask, unexpected };
};

describe('a charge', () => {
  test('When an order is charged, then the provider gets reference, amount, currency and the idempotency key, and nothing is looked up', async () => {
    const { ask, asked, unexpected } = await aGateway([approves]);
    expect(await ask()).toEqual({ kind: 'approved' });
    expect(asked).toMatchObject([{
      method: 'POST', url: '/charges', body: { reference, amount: 99.99, currency: 'USD' },
      headers: { 'idempotency-key': idempotencyKeyOf(reference, 0), 'content-type': 'application/json' },
    }]);
    expect(unexpected).toEqual([]);
  });

  test('When orders follow each other, then connections are used again', async () => {
    const { ask, connections } = await aGateway([reply(503), reply(402, { status: 'declined', reason: 'no' }), reply(429, 'slow down'), approves]);
    for (let i = 0; i < 20; i += 1) await ask();
    expect(connections()).toBeLessThan(4);
  });

  test.each([
    ['with a slash at its end', (url: string) => `${url}/`, '/charges'],
    ['with a path', (url: string) => `${url}/v1/`, '/v1/charges'],
    ['with a query', (url: string) => `${url}/v1?tenant=a`, '/v1/charges?tenant=a'],
    ['with a fragment', (url: string) => `${url}/v1#x`, '/v1/charges'],
  ])('When the address is one %s, then the charges lie below it', async (_what, change, path) => {
    const { ask, asked } = await aGateway([approves], { urlOf: ({ url }) => change(url) });
    await ask();
    expect(asked[0]!.url).toBe(path);
  });

  test('When the address has credentials, then they are sent as such, to both addresses', async () => {
    const { ask, asked } = await aGateway([noBooks, approves], { urlOf: ({ port }) => `http://shop:p%40ss@127.0.0.1:${port}/?a=b` });
    expect(await ask({ redrive: 1 })).toEqual({ kind: 'approved' });
    const authorization = `Basic ${Buffer.from('shop:p@ss').toString('base64')}`;
    expect(asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      [`/charges?a=b&reference=${reference}`, authorization], ['/charges?a=b', authorization],
    ]);
  });
});

describe('what an answer means', () => {
  test('When it is 402, then it is declined with the reason', async () => {
    const { ask } = await aGateway([reply(402, { status: 'declined', reason: 'card expired' })]);
    expect(await ask()).toEqual({ kind: 'declined', reason: 'card expired' });
  });

  test.each([['no body', ''], ['no reason', { status: 'declined' }], ['no JSON', '<html>'], ['an empty reason', { reason: ' ' }], ['null', null]])(
    'When it is 402 with %s, then it is declined all the same', async (_what, body) => {
      const { ask } = await aGateway([reply(402, body)]);
      expect(await ask()).toEqual({ kind: 'declined', reason: 'payment gateway declined' });
    });

  test('When the reason is long, then it is cut', async () => {
    const { ask } = await aGateway([reply(402, { status: 'declined', reason: 'x'.repeat(5_000) })]);
    expect(await ask()).toEqual({ kind: 'declined', reason: 'x'.repeat(200) });
  });

  test('When it is 422, then it is a conflict, whatever its body says', async () => {
    const { ask } = await aGateway([reply(422, approvedCharge)]);
    expect(await ask()).toEqual({ kind: 'conflict', reason: expect.stringContaining(idempotencyKeyOf(reference, 0)) as string });
  });

  test.each([409, 429, 500, 502, 503, 504])('When it is %i, then it is unavailable, and nothing unexpected', async (status) => {
    const { ask, unexpected } = await aGateway([reply(status, approvedCharge)]);
    expect(await ask()).toEqual({ kind: 'unavailable', reason: `the provider answered ${status}; idempotency key ${idempotencyKeyOf(reference, 0)}` });
    expect(unexpected).toEqual([]);
  });

  test.each([200, 202, 204, 400, 401, 403, 404, 408, 501])('When it is %i, then it is unavailable, and the status is told', async (status) => {
    const { ask, unexpected } = await aGateway([reply(status, status === 204 ? '' : approvedCharge)]);
    expect((await ask()).kind).toBe('unavailable');
    expect(unexpected).toMatchObject([{ orderId: reference, method: 'POST', status }]);
  });

  test.each([301, 302, 307, 308])('When it is %i to elsewhere, then nobody goes there', async (status) => {
    const { ask, asked, unexpected } = await aGateway([reply(status, '', { location: '/charges' }), approves]);
    expect((await ask()).kind).toBe('unavailable');
    expect([asked.length, unexpected[0]?.status]).toEqual([1, status]);
  });

  test.each<[string, unknown]>([
    ['no JSON', 'approved'], ['nothing', ''], ['null', null], ['a list', [approvedCharge]],
    ['another order', { ...approvedCharge, reference: orderIdOf(1) }], ['another amount', { ...approvedCharge, amount: 9.99 }],
    ['an amount as text', { ...approvedCharge, amount: '99.99' }], ['another currency', { ...approvedCharge, currency: 'EUR' }],
    ['another status', { ...approvedCharge, status: 'declined' }], ['no status', { ...approvedCharge, status: undefined }],
  ])('When it is 201 with %s, then it is not believed', async (_what, body) => {
    const { ask, unexpected } = await aGateway([reply(201, body)]);
    expect((await ask()).kind).toBe('unavailable');
    expect(unexpected).toMatchObject([{ status: 201 }]);
  });

  test.each([
    ['2', { retryAfterMs: 2_000 }], ['0', { retryAfterMs: 0 }], ['Wed, 25 Nov 2026 10:00:00 GMT', {}], ['-1', {}], ['1.5', {}], ['99999999999999', {}],
  ])('When it is 429 with Retry-After: %s, then %j is passed on', async (value, wait) => {
    const { ask } = await aGateway([reply(429, '', { 'retry-after': value })]);
    expect(await ask()).toEqual({ kind: 'unavailable', reason: expect.any(String) as string, ...wait });
  });
});

describe('no answer', () => {
  const unavailable = (reason: RegExp) => ({ kind: 'unavailable', reason: expect.stringMatching(reason) as string });

  test('When nobody listens, then it is unavailable, and says why', async () => {
    const { ask, close } = await aGateway([approves]);
    close();
    expect(await ask()).toEqual(unavailable(/^no answer: ECONNREFUSED; /));
  });

  test('When the port is one that fetch does not call, then that is said', async () => {
    const { ask } = await aGateway([approves], { urlOf: () => 'http://127.0.0.1:6000' });
    expect(await ask()).toEqual(unavailable(/^no answer: bad port; /));
  });

  test('When the connection is lost before the answer, then it is unavailable', async () => {
    const { ask } = await aGateway([(response) => void response.socket!.resetAndDestroy()]);
    expect(await ask()).toEqual(unavailable(/^no answer: \w+; /));
  });

  test('When the connection is lost within the answer, then it is unavailable', async () => {
    const { ask } = await aGateway([(response) => {
      response.writeHead(201, { 'content-length': '1000' }).write(JSON.stringify(approvedCharge));
      setTimeout(() => response.destroy(), 10);
    }]);
    expect(await ask()).toEqual(unavailable(/^no answer: /));
  });

  test.each<[string, Parameters<typeof aProvider>[0]]>([
    ['the answer never comes', () => undefined],
    ['the body never ends', (response) => void response.writeHead(201).write('{"id":')],
  ])('When %s, then it is unavailable at the deadline, and the connection is given up', async (_what, hang) => {
    const closed = jest.fn();
    const { ask } = await aGateway([(response, asked) => {
      response.on('close', closed);
      hang(response, asked);
    }], { timeoutMs: 60 });
    expect(await ask()).toEqual(unavailable(/^no answer within 60 ms; /));
    const deadline = Date.now() + 2_000;
    while (closed.mock.calls.length === 0 && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test('When the answer is endless, then no more than 64 KiB of it are read', async () => {
    const { ask } = await aGateway([(response) => {
      response.writeHead(201);
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    }]);
    expect(await ask()).toEqual(unavailable(/^no answer: an answer above 64 KiB; /));
  });

  test('When the signal aborts meanwhile, then it rejects at once', async () => {
    const { ask } = await aGateway([() => undefined], { timeoutMs: 60_000 });
    const abort = new AbortController();
    const answer = ask({}, abort.signal);
    setTimeout(() => abort.abort(new Error('shutting down')), 20);
    await expect(answer).rejects.toThrow('shutting down');
  });
});

describe('a redrive', () => {
  test('When nothing is known of the order, then it is charged under its own key', async () => {
    const { ask, asked } = await aGateway([noBooks, approves]);
    expect(await ask({ redrive: 2 })).toEqual({ kind: 'approved' });
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET /charges?reference=${reference}`, 'POST /charges']);
    expect(asked[1]!.headers['idempotency-key']).toBe(idempotencyKeyOf(reference, 2));
  });

  test.each([
    ['it was declined before', [booked({ status: 'declined' })]],
    ['the list is of other orders', [booked({ reference: orderIdOf(1) }), booked({ reference: orderIdOf(2), status: 'pending' })]],
    ['its own call is under way', [booked({ status: 'pending', key: idempotencyKeyOf(reference, 1) })]],
  ])('When %s, then it is charged', async (_what, charges) => {
    const { ask, asked } = await aGateway([books(...charges), approves]);
    expect(await ask({ redrive: 1 })).toEqual({ kind: 'approved' });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['once', [booked()]],
    ['after it was declined', [booked({ status: 'declined' }), booked({ id: 'ch_2' })]],
    ['while another is under way', [booked({ status: 'pending' }), booked({ id: 'ch_2' })]],
  ])('When it was approved before, %s, then that is the outcome and it is not charged', async (_what, charges) => {
    const { ask, asked } = await aGateway([books(...charges), approves]);
    expect(await ask({ redrive: 1 })).toEqual({ kind: 'approved' });
    expect(asked.map(({ method }) => method)).toEqual(['GET']);
  });

  test('When a charge is under way, then it is unavailable, and looked up again at the next attempt', async () => {
    const { ask, asked } = await aGateway([books(booked({ status: 'pending' })), books(booked())]);
    expect(await ask({ redrive: 1 })).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('ch_1') as string });
    expect(await ask({ redrive: 1, attempt: 1 })).toEqual({ kind: 'approved' });
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
  });

  test.each([
    ['approved with another amount', booked({ amount: 1 })],
    ['approved in another currency', booked({ currency: 'EUR' })],
    ['declined with another amount', booked({ amount: 1, status: 'declined' })],
  ])('When it was %s, then it is a conflict that names the charge, and it is not charged', async (_what, charge) => {
    const { ask, asked } = await aGateway([books(charge), approves]);
    expect(await ask({ redrive: 1 })).toEqual({ kind: 'conflict', reason: expect.stringContaining('ch_1') as string });
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Parameters<typeof aProvider>[0], number]>([
    ['503', reply(503), 0], ['429', reply(429), 0], ['404', reply(404), 1], ['no list', reply(200, {}), 1], ['no JSON', reply(200, 'none'), 1],
    ['an unknown status', books(booked({ status: 'refunded' })), 1],
    ['no answer', (response) => void response.socket!.resetAndDestroy(), 0],
  ])('When the look-up is answered with %s, then it is unavailable and not charged', async (_what, answer, told) => {
    const { ask, asked, unexpected } = await aGateway([answer, approves]);
    expect((await ask({ redrive: 1 })).kind).toBe('unavailable');
    expect(asked.map(({ method }) => method)).toEqual(['GET']);
    expect(unexpected).toHaveLength(told);
  });
});
