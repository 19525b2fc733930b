import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { recordAttributes } from '../../src/kafka/span-attributes';
import { boundGateway } from '../../src/processors/bound-gateway';
import { readBooks, readCharge } from '../../src/processors/provider-answer';
import { cut } from '../../src/utils/cut';
import { aChargeRequest } from '../support/builders';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapBytes = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

test('When a text is longer than that, then it is its beginning', () => {
  expect([cut('abc', 3), cut('abcd', 3), cut('aü€😀', 5), cut('', 3)]).toEqual(['abc', 'abc', 'aü€😀', '']);
});

test('When a key is long, then what is told of it is its first 64 characters', () => {
  const told = (key: string) => recordAttributes('send', 'orders', Buffer.from(key))['kafka.message.key'];
  expect([told('é'.repeat(300)), told('😀'.repeat(100)), told('k'), told('')]).toEqual(['é'.repeat(64), '😀'.repeat(32), 'k', '']);
});

describe('what is kept of a long text', () => {
  const CHARACTERS = 100_000;
  const request = aChargeRequest();
  const { signal } = new AbortController();
  const aLongText = (index: number): string => Buffer.alloc(CHARACTERS, `${index} `).toString();
  const answer = (status: number, body: unknown) => ({ status, retryAfter: null, body });
  const refusing = boundGateway({ gateway: () => Promise.reject(new Error(aLongText(7))), timeoutMs: 1_000, concurrency: 1 });

  test.each<[string, (text: string) => unknown]>([
    ['a text that is cut', (text) => cut(text, 200)],
    ['the reason of a decline', (text) => readCharge(answer(402, { reason: text }), request)],
    ['a charge in the books', (text) => readBooks(answer(200, { charges: [{
      id: text, reference: request.orderId, amount: 1, currency: 'EUR', status: 'approved', key: 'k',
    }] }), request)],
    ['the reason of a gateway that is plugged in', (text) =>
      boundGateway({ gateway: () => ({ kind: 'declined', reason: text }), timeoutMs: 1_000, concurrency: 1 })(request, signal)],
    ['the error of a gateway', () => refusing(request, signal)],
    ['the key of a record in a span', (text) => recordAttributes('process', 'orders', Buffer.from(text))],
  ])('When that is %s, then the rest is let go', async (_what, keep) => {
    await keep(aLongText(0));
    const before = heapBytes();
    const kept = await Promise.all(Array.from({ length: 100 }, (_, index) => keep(aLongText(index))));
    expect(heapBytes() - before).toBeLessThan(100 * CHARACTERS / 5);
    expect(kept).toHaveLength(100);
  });
});
