import { createSimulatedGateway, decidePayment, type ChargeResult } from '../../src/processors/gateway';
import { orderIdOf, seededRandom, uuidFrom } from '../support/builders';

const defaults = { successRate: 0.8, transientRate: 0.02 };
const kindsOf = (orderId: string, fate = defaults): string[] => [0, 1, 2, 3].map((attempt) => decidePayment(orderId, attempt, fate).kind);
const random = seededRandom(1);
const ids = Array.from({ length: 20_000 }, () => uuidFrom(random));
const share = (predicate: (orderId: string) => boolean, among = ids): number => among.filter(predicate).length / among.length;
const finalOf = (orderId: string, fate = defaults): ChargeResult['kind'] => decidePayment(orderId, 1_000, fate).kind;

describe('fate of an order', () => {
  test.each([
    ['the example order', 0, ['approved', 'approved', 'approved', 'approved']],
    ['a declined order', 2, ['declined', 'declined', 'declined', 'declined']],
    ['an order for which the gateway is unavailable once', 18, ['unavailable', 'approved', 'approved', 'approved']],
  ])('When the settings are the defaults, then %s (%i) is known', (_what, number, kinds) => {
    expect(kindsOf(orderIdOf(number))).toEqual(kinds);
  });

  test('When it is asked for again, then it is the same', () => {
    expect(ids.slice(0, 1_000).map((id) => kindsOf(id))).toEqual(ids.slice(0, 1_000).map((id) => kindsOf(id)));
  });

  test('When it is declined or unavailable, then the reason is that of the contract', () => {
    expect(decidePayment(orderIdOf(2), 0, defaults)).toEqual({ kind: 'declined', reason: 'payment gateway declined' });
    expect(decidePayment(orderIdOf(18), 0, defaults)).toEqual({ kind: 'unavailable', reason: 'gateway unavailable' });
  });

  test('When the gateway has answered once, then it is not unavailable later', () => {
    const relapsed = ids.filter((id) => kindsOf(id, { ...defaults, transientRate: 0.5 }).join().match(/(approved|declined),unavailable/));
    expect(relapsed).toEqual([]);
  });
});

describe('rates', () => {
  test('When many orders are charged, then four in five are approved', () => {
    expect(share((id) => finalOf(id) === 'approved')).toBeCloseTo(0.8, 1.7);
  });

  test('When many orders are charged, then the gateway is unavailable at first for one in fifty', () => {
    const found = share((id) => decidePayment(id, 0, defaults).kind === 'unavailable');
    expect(found).toBeGreaterThan(0.016);
    expect(found).toBeLessThan(0.024);
  });

  test('When the gateway is unavailable at first, then the chance of approval is the same', () => {
    const fate = { ...defaults, transientRate: 0.5 };
    const unavailable = ids.filter((id) => decidePayment(id, 0, fate).kind === 'unavailable');
    expect(share((id) => finalOf(id, fate) === 'approved', unavailable)).toBeCloseTo(0.8, 1.7);
    expect(share((id) => decidePayment(id, 1, fate).kind === 'unavailable', unavailable)).toBeCloseTo(0.5, 1.3);
  });

  test('When ids are neighbours, then their fates are not', () => {
    const neighbours = Array.from({ length: 5_000 }, (_, number) => orderIdOf(number));
    expect(share((id) => finalOf(id) === 'approved', neighbours)).toBeCloseTo(0.8, 1.3);
  });

  test.each([
    ['none is approved', { successRate: 0, transientRate: 0 }, 'declined'],
    ['all are approved', { successRate: 1, transientRate: 0 }, 'approved'],
    ['the gateway is unavailable for all', { successRate: 1, transientRate: 1 }, 'unavailable'],
  ])('When the rates say that %s, then so it is', (_what, fate, kind) => {
    expect(share((id) => decidePayment(id, 0, fate).kind === kind)).toBe(1);
  });
});

describe('simulated gateway', () => {
  const request = { orderId: orderIdOf(0), paymentId: 'p', amount: 1, currency: 'USD', attempt: 0 };

  test('When it takes its time, then the answer is the same', async () => {
    await expect(createSimulatedGateway({ ...defaults, latencyMs: 5, concurrency: 1 })(request, new AbortController().signal)).resolves.toEqual({ kind: 'approved' });
  });

  test('When the signal aborts meanwhile, then it rejects at once', async () => {
    const abort = new AbortController();
    const answer = createSimulatedGateway({ ...defaults, latencyMs: 60_000, concurrency: 1 })(request, abort.signal);
    abort.abort();
    await expect(answer).rejects.toThrow(/abort/);
  });

  test('When more calls come than it works on at a time, then they are answered one after the other', async () => {
    const gateway = createSimulatedGateway({ ...defaults, latencyMs: 20, concurrency: 1 });
    const answered: number[] = [];
    const startedAt = performance.now();
    await Promise.all([0, 1, 2].map(async () => {
      await gateway(request, new AbortController().signal);
      answered.push(performance.now() - startedAt);
    }));
    expect(answered[2]).toBeGreaterThan(50);
  });
});
