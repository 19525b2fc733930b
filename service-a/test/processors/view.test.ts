import { aFailure, anOrder, created, failed, paid } from '../support/builders';
import { viewAfter } from '../support/log';

describe('what is shown of an order', () => {
  const dates = { createdAt: '2026-11-22T10:00:00.000Z' };

  test('When only the order is known, then it is pending', () => {
    expect(viewAfter([created()])).toEqual({ ...anOrder(), ...dates, status: 'pending', updatedAt: dates.createdAt, attempts: 1 });
  });

  test('When it was paid, then it is completed, and shows the payment and its time', () => {
    expect(viewAfter([created(), paid()])).toEqual({
      ...anOrder(), ...dates, status: 'completed', updatedAt: '2026-11-22T10:00:02.000Z', attempts: 1,
      paymentId: '11111111-1111-5111-8111-111111111111',
    });
  });

  test('When it was dead-lettered, then it is failed, and shows why', () => {
    expect(viewAfter([created(), failed()])).toEqual({
      ...anOrder(), ...dates, status: 'failed', updatedAt: '2026-11-22T10:00:01.000Z', attempts: 1, failure: aFailure(),
    });
  });

  test('When only its dead letter is known, then the order in it is shown', () => {
    expect(viewAfter([failed()])).toEqual(viewAfter([created(), failed()]));
  });

  test('When only its payment is known, then there is nothing to show', () => {
    expect(viewAfter([paid()])).toBeUndefined();
  });
});
