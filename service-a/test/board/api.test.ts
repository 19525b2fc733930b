import { fetchOrder, fetchPage, postOrder } from '../../board/api.ts';
import { ProblemError, UnreachableError } from '../../board/http.ts';
import { aView } from './builders';

const { signal } = new AbortController();
const asked: { path: Parameters<typeof fetch>[0]; init: RequestInit | undefined }[] = [];

const answering = (answer: () => Response): void => {
  asked.length = 0;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (path, init) => {
    asked.push({ path, init });
    return answer();
  });
};

const problem = (status: number, more: object = {}, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ type: 'about:blank', status, detail: 'The body is not a valid order.', ...more }), { status, headers });

afterEach(() => jest.restoreAllMocks());

test('When a page is asked for, then it names the cursor, and what is no order is left out', async () => {
  answering(() => Response.json({ orders: [aView(), { orderId: 1 }], next: 'b' }));
  expect(await fetchPage('a', signal)).toEqual({ orders: [aView()], next: 'b' });
  expect(asked[0]!.path).toBe('/orders?limit=500&cursor=a');
});

test('When the list is at its end, then there is no next page', async () => {
  answering(() => Response.json({ orders: [] }));
  expect(await fetchPage(undefined, signal)).toEqual({ orders: [], next: undefined });
  expect(asked[0]!.path).toBe('/orders?limit=500');
});

test('When there is no such order, then there is none', async () => {
  answering(() => problem(404));
  expect(await fetchOrder('x')).toBeUndefined();
});

test('When an order is accepted, then its status is told', async () => {
  answering(() => Response.json({ status: 'completed' }, { status: 202 }));
  expect(await postOrder(aView(), signal)).toBe('completed');
});

test('When an order is refused, then each fault is told by its path', async () => {
  answering(() => problem(400, { errors: [{ path: 'amount', message: 'Too small' }, { odd: true }] }));
  await expect(postOrder({}, signal)).rejects.toMatchObject({
    name: 'ProblemError', status: 400, message: 'The body is not a valid order.', faults: [{ path: 'amount', message: 'Too small' }], retryAfterMs: undefined,
  });
});

test('When there is no room, then it is told how long to wait', async () => {
  answering(() => problem(503, {}, { 'Retry-After': '2' }));
  await expect(postOrder({}, signal)).rejects.toMatchObject({ status: 503, retryAfterMs: 2_000 });
});

test('When something else than service-a answers, then that is told by its number', async () => {
  answering(() => new Response('<html>', { status: 502 }));
  await expect(postOrder({}, signal)).rejects.toThrow(new ProblemError(502, 'The service answered 502.', [], undefined));
});

test('When there is no answer, then the service cannot be reached', async () => {
  answering(() => { throw new TypeError('fetch failed'); });
  await expect(postOrder({}, signal)).rejects.toThrow(UnreachableError);
});
