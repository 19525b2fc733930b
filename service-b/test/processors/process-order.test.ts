import { v5 as uuidV5 } from 'uuid';
import type { ConsumedRecord } from '../../src/kafka/consumed-record';
import { readJson } from '../../src/kafka/messages';
import { createOrderReader } from '../../src/kafka/order-record';
import { boundGateway } from '../../src/processors/bound-gateway';
import type { ChargeRequest, ChargeResult } from '../../src/processors/gateway';
import { InvalidOrderError, type Order } from '../../src/processors/order';
import type { PaymentCompleted } from '../../src/processors/payment';
import { backoffMs, createProcessOrder, idempotencyKeyOf, paymentIdOf, type Retry } from '../../src/processors/process-order';
import { decidePayment } from '../../src/processors/simulated-gateway';
import { aChargeRequest, anOrder, anOrderCreated, aRecord, aRecordOf, bytesOf, headersOfPairs, orderIdOf } from '../support/builders';
import { eventually, sample } from '../support/fakes';

const approved: ChargeResult = { kind: 'approved' };
const declined: ChargeResult = { kind: 'declined', reason: 'payment gateway declined' };
const unavailable: ChargeResult = { kind: 'unavailable', reason: 'gateway unavailable' };

type Answer = ChargeResult | (() => Promise<ChargeResult>);

/** The processor over a gateway that gives these answers, the last one for ever, and topics that keep what they are given. */
const aProcessor = (answers: Answer[] = [approved], { maxRetries = 3, retryBaseMs = 1, reader = createOrderReader(readJson) } = {}) => {
  const asked: ChargeRequest[] = [];
  const payments: PaymentCompleted[] = [];
  const deadLetters: { record: ConsumedRecord; error: string; message: string; retryCount: number }[] = [];
  const answered: string[] = [];
  const retries: Retry<ConsumedRecord>[] = [];
  const gateway = (request: ChargeRequest): ChargeResult | Promise<ChargeResult> => {
    asked.push(request);
    const answer = answers[Math.min(asked.length, answers.length) - 1]!;
    return typeof answer === 'function' ? answer() : answer;
  };
  const process = createProcessOrder({
    ...reader,
    onAnswer: (answer, attempt) => void answered.push(`${answer} ${attempt}`),
    onRetry: (retry) => void retries.push(retry),
    gateway: boundGateway({ gateway, timeoutMs: 5_000, concurrency: 10 }),
    publishPayment: async (event) => void payments.push(event),
    publishDeadLetter: async ({ record, error, retryCount }) =>
      void deadLetters.push({ record, error: error.name, message: error.message, retryCount }),
    maxRetries,
    retryBaseMs,
  });
  const run = (record = aRecord(), signal = new AbortController().signal) => process(record, signal);
  const outcomes = () => ({ payments: payments.length, deadLetters: deadLetters.map(({ error, retryCount }) => `${error} after ${retryCount}`) });
  return { run, asked, answered, retries, payments, deadLetters, outcomes };
};

describe('an order is paid', () => {
  test('When the gateway approves, then a payment is published', async () => {
    const { run, payments, outcomes } = aProcessor();
    await run();
    expect(outcomes()).toEqual({ payments: 1, deadLetters: [] });
    expect(payments).toEqual([{
      eventType: 'PAYMENT_COMPLETED',
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      timestamp: payments[0]!.data.processedAt,
      data: {
        orderId: orderIdOf(0), paymentId: paymentIdOf(orderIdOf(0)), paymentStatus: 'completed', amount: 99.99, currency: 'USD',
        processedAt: expect.stringMatching(/Z$/) as string,
      },
    }]);
  });

  test('When the gateway is asked again, then it is under the same idempotency key, which is the payment id', async () => {
    const { run, asked, answered } = aProcessor([unavailable, approved]);
    await run();
    expect(answered).toEqual(['unavailable 0', 'approved 1']);
    expect(asked).toEqual([aChargeRequest({ attempt: 0 }), aChargeRequest({ attempt: 1 })]);
    expect(asked[0]!.idempotencyKey).toBe(paymentIdOf(orderIdOf(0)));
  });

  test('When the record was put back, then it is charged under a key of its own, and the payment id is the same', async () => {
    const { run, asked, payments } = aProcessor([unavailable, approved]);
    await run(aRecord({ headers: { 'redrive-count': Buffer.from('2') } }));
    const idempotencyKey = idempotencyKeyOf(orderIdOf(0), 2);
    expect(asked).toEqual([0, 1].map((attempt) => aChargeRequest({ redrive: 2, attempt, idempotencyKey })));
    expect(payments[0]!.data.paymentId).toBe(paymentIdOf(orderIdOf(0)));
  });

  test('When keys of many orders and redrives are made, then no two are the same, and each is what the uuid package makes of it', () => {
    const keys = Array.from({ length: 50 }, (_, i) => [0, 1, 2].map((redrive) => idempotencyKeyOf(orderIdOf(i), redrive))).flat();
    expect(new Set(keys).size).toBe(150);
    expect(keys[1]).toBe(uuidV5(`${orderIdOf(0)}:1`, '6f1d9c2e-4b7a-4d53-9a0e-2c8f5b1e7d34'));
  });

  test('When the same order comes twice, then both payments have one payment id', async () => {
    const { run, payments } = aProcessor();
    await run();
    await run(aRecord({ offset: '43', value: bytesOf(anOrderCreated({ eventId: 'another', data: anOrder({ orderId: orderIdOf(0).toUpperCase() }) })) }));
    expect(new Set(payments.map(({ data }) => data.paymentId)).size).toBe(1);
    expect(new Set(payments.map(({ eventId }) => eventId)).size).toBe(2);
  });

  test('When it is the example order, then its payment id is that of the sample', () => {
    const { data } = JSON.parse(sample('payment-completed').toString()) as PaymentCompleted;
    expect(paymentIdOf(orderIdOf(0))).toBe(data.paymentId);
    expect(data.paymentId[14]).toBe('5');
  });

  test('When it is any order, then its payment id is what the uuid package makes of it', () => {
    const orderIds = Array.from({ length: 100 }, (_, i) => orderIdOf(i));
    expect(orderIds.map(paymentIdOf)).toEqual(orderIds.map((orderId) => uuidV5(orderId, '6f1d9c2e-4b7a-4d53-9a0e-2c8f5b1e7d34')));
  });

  test('When orders differ, then so do their payment ids', () => {
    expect(paymentIdOf(orderIdOf(0))).not.toBe(paymentIdOf(orderIdOf(1)));
  });

  test.each([1, 2, 3])('When the gateway is unavailable %i times, then the order is paid all the same', async (times) => {
    const { run, outcomes, asked } = aProcessor([...Array<Answer>(times).fill(unavailable), approved]);
    await run();
    expect(outcomes()).toEqual({ payments: 1, deadLetters: [] });
    expect(asked).toHaveLength(times + 1);
  });
});

describe('an order is dead-lettered', () => {
  test.each<[string, Answer[], string]>([
    ['declined', [declined], 'PaymentDeclinedError after 0'],
    ['declined after the gateway was unavailable', [unavailable, unavailable, declined], 'PaymentDeclinedError after 2'],
    ['unavailable for ever', [unavailable], 'GatewayUnavailableError after 3'],
    ['throwing at once, for ever', [() => { throw new Error('no route'); }], 'GatewayUnavailableError after 3'],
    ['in conflict with what it knows', [{ kind: 'conflict', reason: 'another amount' }], 'PaymentConflictError after 0'],
    ['throwing for ever', [() => Promise.reject(new Error('socket closed'))], 'GatewayUnavailableError after 3'],
  ])('When the gateway is %s, then there is one dead letter with the true retry count', async (_what, answers, deadLetter) => {
    const { run, outcomes } = aProcessor(answers);
    await run();
    expect(outcomes()).toEqual({ payments: 0, deadLetters: [deadLetter] });
  });

  test('When no retry is allowed, then the gateway is asked once', async () => {
    const { run, outcomes, asked } = aProcessor([unavailable], { maxRetries: 0 });
    await run();
    expect(asked).toHaveLength(1);
    expect(outcomes()).toEqual({ payments: 0, deadLetters: ['GatewayUnavailableError after 0'] });
  });

  test.each<[string, ConsumedRecord]>([
    ['has no value', aRecord({ value: null })],
    ['is not JSON', aRecord({ value: Buffer.from('{') })],
    ['has another key', aRecord({ key: Buffer.from('k') })],
    ['has a faulty order', aRecord({ value: bytesOf(anOrderCreated({ data: anOrder({ amount: 0 }) })) })],
  ])('When the record %s, then there is one dead letter at once and the gateway is not asked', async (_what, record) => {
    const { run, outcomes, asked, deadLetters } = aProcessor();
    await run(record);
    expect(outcomes()).toEqual({ payments: 0, deadLetters: ['InvalidOrderError after 0'] });
    expect(deadLetters[0]!.record).toBe(record);
    expect(asked).toEqual([]);
  });

  test('When the gateway gives a reason, then the dead letter has it', async () => {
    const { run, deadLetters } = aProcessor([declined]);
    await run();
    expect(deadLetters[0]).toMatchObject({ message: 'payment gateway declined' });
  });
});

describe('every fate of the simulation', () => {
  test('When thousands of orders are processed, then each has one outcome, and it is the one the simulation decided', async () => {
    const fate = { successRate: 0.8, transientRate: 0.2 };
    const outcomes = new Map<string, string[]>();
    const note = (orderId: string, what: string): void => void outcomes.set(orderId, [...(outcomes.get(orderId) ?? []), what]);
    const process = createProcessOrder({
      ...createOrderReader(readJson),
      onAnswer: () => undefined,
      onRetry: () => undefined,
      gateway: (request) => decidePayment(request, fate),
      publishPayment: async ({ data }) => note(data.orderId, 'approved'),
      publishDeadLetter: async ({ record, error }) => note(String(record.message.key), error.name),
      maxRetries: 3,
      retryBaseMs: 1,
    });
    const ids = Array.from({ length: 2_000 }, (_, number) => orderIdOf(number));
    await Promise.all(ids.map((id) => process(aRecordOf(id), new AbortController().signal)));
    const names = { approved: 'approved', declined: 'PaymentDeclinedError', unavailable: 'GatewayUnavailableError', conflict: 'PaymentConflictError' };
    const decided = (orderId: string) => names[decidePayment({ orderId, redrive: 0, attempt: 3 }, fate).kind];
    expect(ids.map((id) => outcomes.get(id))).toEqual(ids.map((id) => [decided(id)]));
  });
});

describe('12.22 a retry is told', () => {
  test('When the gateway is unavailable, then each retry is told with its number, its reason and its record, and the first call is not', async () => {
    const { run, retries } = aProcessor([unavailable, { kind: 'unavailable', reason: 'another one' }, approved]);
    const record = aRecord();
    await run(record);
    const retryInMs = expect.any(Number) as number;
    expect(retries).toEqual([
      { record, orderId: orderIdOf(0), attempt: 1, reason: 'gateway unavailable', retryInMs },
      { record, orderId: orderIdOf(0), attempt: 2, reason: 'another one', retryInMs },
    ]);
  });

  test('When no retry is left, then none is told', async () => {
    const { run, retries } = aProcessor([unavailable], { maxRetries: 1 });
    await run();
    expect(retries.map(({ attempt }) => attempt)).toEqual([1]);
  });

  test.each([
    ['longer than the backoff', 40, 40],
    ['shorter than the backoff', 0, 1],
    ['longer than anybody waits', 3_600_000, 10_000],
  ])('When the gateway asks for a wait that is %s, then it is heeded within its limits', async (_what, retryAfterMs, waitMs) => {
    const { run, retries } = aProcessor([{ kind: 'unavailable', reason: 'too many', retryAfterMs }, approved]);
    const abort = new AbortController();
    const startedAt = performance.now();
    const done = run(aRecord(), abort.signal);
    await eventually(() => retries.length === 1);
    expect(retries[0]!.retryInMs).toBe(waitMs);
    if (waitMs === 10_000) abort.abort();
    await done.catch(() => undefined);
    if (waitMs < 10_000) expect(performance.now() - startedAt).toBeGreaterThanOrEqual(waitMs - 2);
  });
});

describe('the signal aborts', () => {
  test('When that is during a backoff, then the record has no outcome', async () => {
    const { run, asked, outcomes } = aProcessor([unavailable], { retryBaseMs: 60_000 });
    const abort = new AbortController();
    const done = run(aRecord(), abort.signal);
    await eventually(() => asked.length === 1);
    abort.abort();
    await expect(done).rejects.toThrow(/abort/);
    expect(outcomes()).toEqual({ payments: 0, deadLetters: [] });
  });

  test('When that is during a call of the gateway, then the record has no outcome', async () => {
    const abort = new AbortController();
    const { run, outcomes } = aProcessor([() => new Promise((_resolve, reject) => {
      abort.signal.addEventListener('abort', () => reject(new Error('call given up')));
    })]);
    const done = run(aRecord(), abort.signal);
    abort.abort(new Error('shutting down'));
    await expect(done).rejects.toThrow('shutting down');
    expect(outcomes()).toEqual({ payments: 0, deadLetters: [] });
  });

  test('When the gateway then throws at once, then the record has no outcome, and the caller is told by the promise', async () => {
    const { run, outcomes } = aProcessor([() => { throw new Error('call given up'); }]);
    const done = run(aRecord(), AbortSignal.abort(new Error('shutting down')));
    await expect(done).rejects.toThrow('shutting down');
    expect(outcomes()).toEqual({ payments: 0, deadLetters: [] });
  });
});

describe('the order takes its time to be read', () => {
  const readLater = (reading: () => Promise<Order>) => ({ reader: { ...createOrderReader(readJson), readOrder: reading } });
  const order = { orderId: orderIdOf(0), userId: 'user-123', amount: 99.99, currency: 'USD' };

  test('When it is read, then it is charged', async () => {
    const { run, asked, outcomes } = aProcessor([approved], readLater(async () => order));
    await run();
    expect(asked).toEqual([aChargeRequest()]);
    expect(outcomes()).toEqual({ payments: 1, deadLetters: [] });
  });

  test('When it turns out to be none, then it is dead-lettered', async () => {
    const { run, outcomes } = aProcessor([approved], readLater(() => Promise.reject(new InvalidOrderError('none'))));
    await run();
    expect(outcomes()).toEqual({ payments: 0, deadLetters: ['InvalidOrderError after 0'] });
  });

  test('When the signal aborts meanwhile, then the record has no outcome', async () => {
    const reason = new Error('shutting down');
    const { run, outcomes } = aProcessor([approved], readLater(() => Promise.reject(reason)));
    await expect(run(aRecord(), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(outcomes()).toEqual({ payments: 0, deadLetters: [] });
  });
});

describe('backoff', () => {
  test.each([
    [0, 0, 50], [0, 1, 100], [1, 1, 200], [3, 1, 800], [3, 0, 400], [20, 1, 10_000], [20, 0, 5_000],
  ])('When attempt %i failed and the die is %d, then it is %i ms', (attempt, random, ms) => {
    expect(backoffMs(attempt, 100, () => random)).toBe(ms);
  });
});

test('12.1 When headers have no value, then the order is paid as without them', async () => {
  const { run, outcomes, asked } = aProcessor();
  await run(aRecord({ headers: headersOfPairs([['traceparent', null], ['redrive-count', null], ['', null]]) }));
  expect(outcomes()).toEqual({ payments: 1, deadLetters: [] });
  expect(asked[0]?.redrive).toBe(0);
});
