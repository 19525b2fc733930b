import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decidePayment } from '../../service-b/src/processors/simulated-gateway';
import { waitFor } from '../lib/process';
import { createApp } from '../provider/app';
import { createBooks, readEntries } from '../provider/books';
import { createCharging } from '../provider/charge';
import { fateOf } from '../provider/fates';
import { createFaults, faultsSchema, type Faults } from '../provider/faults';
import { openJournal } from '../provider/journal';

const rates = { successRate: 0.8, transientRate: 0.02 };
const orderIdOf = (number: number): string => `550e8400-e29b-41d4-a716-44665544${String(number).padStart(4, '0')}`;
const key = '3f0a6050-9636-579e-8dcf-e1024d689579';
const anOrder = (differences: Record<string, unknown> = {}) => ({ reference: orderIdOf(0), amount: 99.99, currency: 'USD', ...differences });

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const aLedger = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  return join(folder, 'ledger.jsonl');
};

/** The provider over this ledger, on a port of its own. */
const aProvider = async (
  { faults = {}, ledger, timeoutMs = 10_000 }: { faults?: Partial<Faults>; ledger?: string; timeoutMs?: number } = {},
) => {
  const file = ledger ?? await aLedger();
  const journal = await openJournal(file);
  const set = createFaults(faultsSchema.parse(faults));
  const charging = createCharging({ append: journal.append, books: createBooks(readEntries(journal.entries)), faults: set, rates });
  const server = createServer(createApp({ charging, faults: set }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await charging.drained(2_000);
    await journal.close();
  });
  const send = (path: string, init?: RequestInit) => fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  const post = async (body: unknown = anOrder(), idempotencyKey: string | undefined = key) => {
    const headers = { 'content-type': 'application/json', ...(idempotencyKey !== '' && { 'idempotency-key': idempotencyKey }) };
    const response = await send('/charges', { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() as Record<string, unknown>, headers: response.headers };
  };
  const charges = async (query = `?reference=${orderIdOf(0)}`) =>
    (await (await send(`/charges${query}`)).json() as { charges: Record<string, unknown>[] }).charges;
  const setFaults = (to: Partial<Faults>) => send('/faults', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(to) });
  return { file, send, post, charges, setFaults };
};

describe('fates', () => {
  test('When orders are charged and put back, then the provider decides as the simulation does', () => {
    for (let number = 0; number < 2_000; number += 1) {
      for (const [redrive, attempt] of [[0, 0], [0, 1], [0, 3], [1, 0], [1, 3], [2, 0]] as const) {
        const reference = orderIdOf(number);
        const fate = { ...rates, transientRate: 0.3 };
        expect(fateOf({ reference, number: redrive, calls: attempt }, fate))
          .toBe(decidePayment({ orderId: reference, redrive, attempt }, fate).kind);
      }
    }
  });

  test('When an order is declined and comes under another key, then its fate is that of a redrive', async () => {
    const { post, charges } = await aProvider();
    const order = anOrder({ reference: orderIdOf(2) });
    expect(await post(order, 'first')).toMatchObject({ status: 402, body: { status: 'declined', reason: 'payment gateway declined' } });
    expect((await post(order, 'second')).status).toBe(201);
    expect((await charges(`?reference=${orderIdOf(2)}`)).map(({ status }) => status)).toEqual(['declined', 'approved']);
  });

  test('When it is unavailable to the end and comes under another key, then it is approved', async () => {
    const { post } = await aProvider();
    const order = anOrder({ reference: orderIdOf(446) });
    for (let call = 0; call < 4; call += 1) expect((await post(order, 'first')).status).toBe(503);
    expect((await post(order, 'second')).status).toBe(201);
  });
});

describe('idempotency', () => {
  test('When a charge is approved, then the answer tells of it, and it is in the books', async () => {
    const { post, charges } = await aProvider();
    const { status, body } = await post();
    expect([status, body]).toEqual([201, { id: expect.stringMatching(/^ch_/) as string, ...anOrder(), status: 'approved' }]);
    expect(await charges()).toEqual([{ ...body, key, createdAt: expect.any(String) as string }]);
  });

  test('When the same key comes again, then the first answer is given and nothing is charged', async () => {
    const { post, charges } = await aProvider();
    const first = await post();
    const again = await post();
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await charges()).toHaveLength(1);
  });

  test.each([{ amount: 1 }, { currency: 'EUR' }, { reference: orderIdOf(1) }])('When it comes with %j, then it is 422', async (other) => {
    const { post, charges } = await aProvider();
    await post();
    expect((await post(anOrder(other))).status).toBe(422);
    expect(await charges('')).toHaveLength(1);
  });

  test('When it comes while it is being worked on, then it is 409, and the charge is pending', async () => {
    const { post, charges } = await aProvider({ faults: { latencyMs: 100 } });
    const first = post();
    while ((await charges()).length === 0);
    expect((await post()).status).toBe(409);
    expect(await charges()).toMatchObject([{ status: 'pending', key }]);
    expect((await first).status).toBe(201);
    expect(await charges()).toMatchObject([{ status: 'approved', key }]);
  });

  test.each([
    ['no key', '', anOrder()], ['no amount', key, anOrder({ amount: undefined })], ['a negative amount', key, anOrder({ amount: -1 })],
  ])('When a call has %s, then it is 400', async (_what, idempotencyKey, body) => {
    const { post } = await aProvider();
    expect((await post(body, idempotencyKey)).status).toBe(400);
  });
});

describe('the ledger', () => {
  test('When the provider is started again, then it knows keys, answers and charges, whatever half a line the crash left', async () => {
    const first = await aProvider();
    const { body } = await first.post();
    await appendFile(first.file, '{"type":"charge","key":"3f0a');
    const second = await aProvider({ ledger: first.file });
    expect(await second.charges()).toMatchObject([body]);
    expect((await second.post()).body).toEqual(body);
    expect((await second.post(anOrder({ amount: 1 }))).status).toBe(422);
    await second.post(anOrder({ reference: orderIdOf(1) }), 'another');
    for (const line of (await readFile(first.file, 'utf8')).trim().split('\n')) expect(() => void JSON.parse(line)).not.toThrow();
    expect(await (await aProvider({ ledger: first.file })).charges('')).toHaveLength(2);
  });

  test('When many charges come at once, then each is on the disk when it is answered', async () => {
    const { post, file } = await aProvider();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, number) => post(anOrder({ reference: orderIdOf(0) }), `key-${number}`)));
    const lines = await readFile(file, 'utf8');
    for (const { body } of answers.filter(({ status }) => status === 201)) expect(lines).toContain(String(body.id));
  });

  test('When it holds what is no entry, then it is not opened', () => {
    expect(() => readEntries([{ type: 'refund' }])).toThrow();
  });
});

describe('faults', () => {
  test.each<[keyof Faults, number, number]>([['errorBefore', 503, 0], ['errorAfter', 503, 1], ['savedError', 500, 0]])(
    'When %s is set, then the answer is %i, and %i charges are booked', async (fault, status, booked) => {
      const { post, charges } = await aProvider({ faults: { [fault]: 1 } });
      expect((await post()).status).toBe(status);
      expect(await charges()).toHaveLength(booked);
    });

  test.each<[keyof Faults, number]>([['hangBefore', 0], ['hangAfter', 1], ['resetAfter', 1]])(
    'When %s is set, then there is no answer, and %i charges are booked', async (fault, booked) => {
      const { post, charges } = await aProvider({ faults: { [fault]: 1 }, timeoutMs: 1_000 });
      await expect(post()).rejects.toThrow();
      await waitFor('the booking', async () => (await charges()).length === booked);
    });

  test('When an answer was lost, then the same key is told it once the fault is over', async () => {
    const { post, charges, setFaults } = await aProvider({ faults: { resetAfter: 1 } });
    await expect(post()).rejects.toThrow();
    await setFaults({});
    expect((await post()).status).toBe(201);
    expect(await charges()).toHaveLength(1);
  });

  test('When an error was saved, then it is the answer of its key for ever, and not of another', async () => {
    const { post, setFaults } = await aProvider({ faults: { savedError: 1 } });
    await post();
    await setFaults({});
    expect((await post()).status).toBe(500);
    expect((await post(anOrder(), 'second')).status).toBe(201);
  });

  test('When the limit is reached, then it is 429 with Retry-After', async () => {
    const { post } = await aProvider({ faults: { limitPerSecond: 1 } });
    const answers = await Promise.all([0, 1, 2, 3].map((number) => post(anOrder(), `key-${number}`)));
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.headers.get('retry-after')).toBe('1');
  });

  test('When keys are forgotten, then the order is charged twice under one key: that is why they must live long', async () => {
    const { post, charges } = await aProvider({ faults: { forgetAfterMs: 1 } });
    await post();
    const at = Date.now();
    await waitFor('the clock', () => Date.now() > at + 1, { intervalMs: 1 });
    await post();
    expect(await charges()).toMatchObject([{ status: 'approved', key }, { status: 'approved', key }]);
  });

  test('When faults are set that there are not, then they are refused', async () => {
    const { setFaults } = await aProvider();
    expect((await setFaults({ hang: 1 } as Partial<Faults>)).status).toBe(400);
  });
});
