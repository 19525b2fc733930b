import { boundGateway } from '../../src/processors/bound-gateway';
import type { ChargeResult, Gateway } from '../../src/processors/gateway';
import { aChargeRequest, orderIdOf } from '../support/builders';
import { deferred, eventually } from '../support/fakes';

const never = (): Promise<ChargeResult> => new Promise(() => undefined);
const approve: Gateway = () => ({ kind: 'approved' });
const aSignal = (): AbortSignal => new AbortController().signal;
const { idempotencyKey } = aChargeRequest();

/** What a gateway says of the example order when it is bound. */
const answerOf = async (gateway: Gateway, timeoutMs = 1_000): Promise<ChargeResult> =>
  boundGateway({ gateway, timeoutMs, concurrency: 2 })(aChargeRequest(), aSignal());

/** What is thrown though it is no error. */
const a = (thrown: unknown): Error => thrown as Error;

/** A gateway in the hands of somebody who does not keep its type. */
const rogue = (call: () => unknown): Gateway => call as Gateway;

describe('an answer in time', () => {
  test.each<ChargeResult>([
    { kind: 'approved' }, { kind: 'declined', reason: 'no' }, { kind: 'conflict', reason: 'other' },
    { kind: 'unavailable', reason: 'later' }, { kind: 'unavailable', reason: 'later', retryAfterMs: 500 },
  ])('When it is %j, then so it is passed on, given at once or later', async (result) => {
    expect(await answerOf(() => result)).toEqual(result);
    expect(await answerOf(async () => result)).toEqual(result);
  });
});

describe('no answer', () => {
  test('When a call never settles and does not heed its signal, then it is unavailable at the deadline, and tells the key', async () => {
    const startedAt = performance.now();
    expect(await answerOf(never, 30)).toEqual({ kind: 'unavailable', reason: `no answer within 30 ms; idempotency key ${idempotencyKey}` });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test('When the deadline is over, then the signal of the call aborts, and what comes later is ignored', async () => {
    const late = deferred<ChargeResult>();
    let aborted = false;
    const answer = await answerOf((_request, signal) => {
      signal.addEventListener('abort', () => { aborted = true; });
      return late.promise;
    }, 10);
    late.reject(new Error('given up'));
    expect(aborted).toBe(true);
    expect(answer.kind).toBe('unavailable');
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  test.each<[string, () => unknown, RegExp]>([
    ['throws', () => { throw new Error('no route'); }, /^no answer: no route; /],
    ['rejects', () => Promise.reject(new Error('socket closed')), /^no answer: socket closed; /],
    ['rejects with a text', () => Promise.reject(a('gone')), /^no answer: gone; /],
    ['rejects with nothing', () => Promise.reject(a(undefined)), /^no answer: it threw what is no error; /],
    ['throws what has no text', () => { throw a(Object.create(null)); }, /^no answer: /],
    ['throws an error whose message is none', () => { throw Object.assign(new Error('x'), { message: 5 }); }, /^no answer: /],
    ['throws an error that throws when it is read', () => { throw a({ get message() { throw new Error('no'); } }); }, /^no answer: /],
    ['answers undefined', () => undefined, /no valid answer/],
    ['answers null', async () => null, /no valid answer/],
    ['answers a text', () => 'approved', /no valid answer/],
    ['answers an unknown kind', async () => ({ kind: 'refunded' }), /no valid answer/],
    ['answers a decline without a reason', () => ({ kind: 'declined' }), /no valid answer/],
    ['answers what refers to itself', () => circular, /no valid answer/],
    ['answers an object that throws when it is read', () => ({ get kind() { throw new Error('no'); } }), /^no answer: no; /],
    ['answers with a promise of somebody else', () => ({ then: (done: (value: unknown) => void) => void done({ kind: 'rubbish' }) }), /no valid answer/],
  ])('When it %s, then it is unavailable', async (_what, call, reason) => {
    expect(await answerOf(rogue(call))).toEqual({ kind: 'unavailable', reason: expect.stringMatching(reason) as string });
  });

  test('When a reason is long, then it is cut', async () => {
    const long = 'x'.repeat(100_000);
    for (const call of [() => { throw new Error(long); }, () => ({ kind: 'declined', reason: long })]) {
      expect(JSON.stringify(await answerOf(rogue(call))).length).toBeLessThan(1_000);
    }
  });
});

describe('calls at a time', () => {
  test('When more orders come than calls may be under way, then the others wait', async () => {
    const open: (() => void)[] = [];
    const gateway = boundGateway({
      gateway: () => new Promise((resolve) => open.push(() => resolve({ kind: 'approved' }))), timeoutMs: 1_000, concurrency: 2,
    });
    const answers = [0, 1, 2].map((number) => gateway(aChargeRequest({ orderId: orderIdOf(number) }), aSignal()));
    await eventually(() => open.length === 2);
    open[0]!();
    await eventually(() => open.length === 3);
    for (const end of open) end();
    expect(await Promise.all(answers)).toHaveLength(3);
  });

  test('When calls hang, then their places are given back at the deadline', async () => {
    let calls = 0;
    const gateway = boundGateway({ gateway: () => ((calls += 1) <= 2 ? never() : { kind: 'approved' }), timeoutMs: 20, concurrency: 2 });
    const answers = await Promise.all([0, 1, 2, 3].map((number) => gateway(aChargeRequest({ orderId: orderIdOf(number) }), aSignal())));
    expect(answers.map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable', 'approved', 'approved']);
  });

  test('When a call waits longer for its place than the deadline, then that does not count', async () => {
    const gateway = boundGateway({
      gateway: () => new Promise((resolve) => setTimeout(() => resolve({ kind: 'approved' }), 30)), timeoutMs: 80, concurrency: 1,
    });
    const answers = await Promise.all([0, 1, 2, 3, 4].map(() => gateway(aChargeRequest(), aSignal())));
    expect(answers.map(({ kind }) => kind)).toEqual(Array(5).fill('approved'));
  });

  test('When the signal aborts, then those under way and those who wait reject with its reason, and the places are free', async () => {
    const abort = new AbortController();
    let hang = true;
    const gateway = boundGateway({ gateway: (...args) => (hang ? never() : approve(...args)), timeoutMs: 60_000, concurrency: 2 });
    const answers = [0, 1, 2, 3].map(() => gateway(aChargeRequest(), abort.signal));
    abort.abort(new Error('shutting down'));
    for (const answer of answers) await expect(answer).rejects.toThrow('shutting down');
    hang = false;
    expect(await gateway(aChargeRequest(), aSignal())).toEqual({ kind: 'approved' });
  });
});
