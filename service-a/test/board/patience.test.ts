import { ProblemError, UnreachableError } from '../../board/http.ts';
import { backoffMs, patiently, pause } from '../../board/patience.ts';

const { signal } = new AbortController();

const failing = (...errors: Error[]) => async (): Promise<string> => {
  const error = errors.shift();
  if (error !== undefined) throw error;
  return 'done';
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const waitsOf = async (...errors: Error[]): Promise<number[]> => {
  const waits: number[] = [];
  const work = patiently(failing(...errors), { signal, onWait: (ms) => waits.push(ms) });
  await jest.runAllTimersAsync();
  await expect(work).resolves.toBe('done');
  return waits;
};

test.each([503, 429])('When a %d says how long to wait, then that long is waited', async (status) => {
  expect(await waitsOf(new ProblemError(status, 'busy', [], 3_000), new ProblemError(status, 'busy', [], 0))).toEqual([3_000, 0]);
});

test('When service-a cannot be reached, then the waits grow', async () => {
  expect(await waitsOf(...Array.from({ length: 6 }, () => new UnreachableError()))).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('When the answer would be the same, then it is not asked for again', async () => {
  await expect(patiently(failing(new ProblemError(400, 'no', [], undefined)), { signal })).rejects.toThrow('no');
  await expect(patiently(failing(new RangeError('a fault of ours')), { signal })).rejects.toThrow('a fault of ours');
});

test('When the tries are used up, then the last failure is told', async () => {
  const work = patiently(failing(new UnreachableError('1'), new UnreachableError('2')), { signal, tries: 2 });
  await Promise.all([expect(work).rejects.toThrow('2'), jest.runAllTimersAsync()]);
});

test('When it is stopped while it waits, then it ends at once', async () => {
  const stop = new AbortController();
  const work = patiently(failing(new UnreachableError()), { signal: stop.signal, onWait: () => setTimeout(() => stop.abort(), 10) });
  await Promise.all([expect(work).rejects.toMatchObject({ name: 'AbortError' }), jest.advanceTimersByTimeAsync(10)]);
  expect(jest.getTimerCount()).toBe(0);
  await expect(pause(1_000, stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
});

test('When there was no failure yet, then the first wait is a second', () => {
  expect(backoffMs(0)).toBe(1_000);
});
