import type { ChargeResult } from '../../src/processors/gateway';
import { createSimulatedGateway, decidePayment } from '../../src/processors/simulated-gateway';
import { aChargeRequest, orderIdOf, seededRandom, uuidFrom } from '../support/builders';

const defaults = { successRate: 0.8, transientRate: 0.02 };
type Kind = ChargeResult['kind'];
const kindOf = (orderId: string, { redrive = 0, attempt = 0, fate = defaults } = {}): Kind =>
  decidePayment({ orderId, redrive, attempt }, fate).kind;
const kindsOf = (orderId: string, fate = defaults): Kind[] => [0, 1, 2, 3].map((attempt) => kindOf(orderId, { attempt, fate }));
const random = seededRandom(1);
const ids = Array.from({ length: 20_000 }, () => uuidFrom(random));
const share = (predicate: (orderId: string) => boolean, among = ids): number => among.filter(predicate).length / among.length;
const finalOf = (orderId: string, fate = defaults, redrive = 0): Kind => kindOf(orderId, { redrive, attempt: 1_000, fate });
/** What an order's record ends with by default: the first time, and when it is put back once, twice, three times. */
const fatesOf = (orderId: string): Kind[] => [0, 1, 2, 3].map((redrive) => kindOf(orderId, { redrive, attempt: 3 }));

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
    const first = { redrive: 0, attempt: 0 };
    expect(decidePayment({ orderId: orderIdOf(2), ...first }, defaults)).toEqual({ kind: 'declined', reason: 'payment gateway declined' });
    expect(decidePayment({ orderId: orderIdOf(18), ...first }, defaults)).toEqual({ kind: 'unavailable', reason: 'gateway unavailable' });
  });

  test.each([
    ['a declined order', 2, ['declined', 'approved']],
    ['an order for which the gateway is unavailable to the end', 446, ['unavailable', 'approved']],
    ['an order that is approved at the third time', 1414, ['unavailable', 'declined', 'declined', 'approved']],
    ['an order that is declined each time', 385, ['declined', 'declined', 'declined', 'declined']],
  ])('When %s (%i) is put back, then its fate is known', (_what, number, fates) => {
    expect(fatesOf(orderIdOf(number)).slice(0, fates.length)).toEqual(fates);
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
    const found = share((id) => kindOf(id) === 'unavailable');
    expect(found).toBeGreaterThan(0.016);
    expect(found).toBeLessThan(0.024);
  });

  test('When the gateway is unavailable at first, then the chance of approval is the same', () => {
    const fate = { ...defaults, transientRate: 0.5 };
    const unavailable = ids.filter((id) => kindOf(id, { fate }) === 'unavailable');
    expect(share((id) => finalOf(id, fate) === 'approved', unavailable)).toBeCloseTo(0.8, 1.7);
    expect(share((id) => kindOf(id, { attempt: 1, fate }) === 'unavailable', unavailable)).toBeCloseTo(0.5, 1.3);
  });

  test('When orders that were declined are put back, then the chance of approval is the same each time', () => {
    const declined = ids.filter((id) => finalOf(id) === 'declined');
    expect(share((id) => finalOf(id, defaults, 1) === 'approved', declined)).toBeCloseTo(0.8, 1.5);
    const again = declined.filter((id) => finalOf(id, defaults, 1) === 'declined');
    expect(share((id) => finalOf(id, defaults, 2) === 'approved', again)).toBeCloseTo(0.8, 1);
  });

  test('When orders for which the gateway was unavailable are put back, then the chance that it is so again is the same', () => {
    const fate = { ...defaults, transientRate: 0.2 };
    const unavailable = ids.filter((id) => kindOf(id, { fate }) === 'unavailable');
    expect(share((id) => kindOf(id, { fate, redrive: 1 }) === 'unavailable', unavailable)).toBeCloseTo(0.2, 1.3);
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
    expect(share((id) => kindOf(id, { fate }) === kind)).toBe(1);
  });
});

describe('simulated gateway', () => {
  test('When it takes its time, then the answer is the same', async () => {
    const gateway = createSimulatedGateway({ ...defaults, latencyMs: 5 });
    await expect(gateway(aChargeRequest(), new AbortController().signal)).resolves.toEqual({ kind: 'approved' });
  });

  test('When the signal aborts meanwhile, then it rejects at once', async () => {
    const abort = new AbortController();
    const answer = createSimulatedGateway({ ...defaults, latencyMs: 60_000 })(aChargeRequest(), abort.signal);
    abort.abort();
    await expect(answer).rejects.toThrow(/abort/);
  });
});
