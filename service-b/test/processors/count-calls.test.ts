import { countCalls } from '../../src/processors/count-calls';
import type { ChargeRequest, ChargeResult } from '../../src/processors/gateway';
import { deferred } from '../support/fakes';

const request: ChargeRequest = { orderId: 'o', idempotencyKey: 'k', amount: 1, currency: 'EUR', redrive: 0, attempt: 0 };
const { signal } = new AbortController();

test('When calls are under way, then they are counted until they end, however that is', async () => {
  const answers = [deferred<ChargeResult>(), deferred<ChargeResult>()];
  let next = 0;
  const { gateway, open } = countCalls(() => answers[next++]!.promise);
  const calls = Promise.allSettled([gateway(request, signal), gateway(request, signal)]);
  expect(open()).toBe(2);
  answers[0]!.resolve({ kind: 'approved' });
  answers[1]!.reject(new Error('gone'));
  await calls;
  expect(open()).toBe(0);
});

test('When the gateway answers at once, then none is under way', () => {
  const { gateway, open } = countCalls(() => ({ kind: 'approved' }));
  expect([gateway(request, signal), open()]).toEqual([{ kind: 'approved' }, 0]);
});
