import { createLimiter } from '../../src/utils/limiter';
import { deferred } from '../support/fakes';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const aLimiter = (max: number) => {
  const limit = createLimiter(max);
  const begun: number[] = [];
  const call = (number: number) => {
    const end = deferred<number>();
    const result = limit(() => {
      begun.push(number);
      return end.promise;
    });
    return { ...end, result };
  };
  return { call, begun };
};

describe('limiter', () => {
  test('When more calls come than may run, then the others wait their turn', async () => {
    const { call, begun } = aLimiter(2);
    const calls = [0, 1, 2, 3].map(call);
    await nextTurn();
    expect(begun).toEqual([0, 1]);
    calls[1]!.resolve(1);
    await nextTurn();
    expect(begun).toEqual([0, 1, 2]);
  });

  test('When a call fails, then its error is passed on and its place is free', async () => {
    const { call, begun } = aLimiter(1);
    const first = call(0);
    call(1);
    first.reject(new Error('no answer'));
    await expect(first.result).rejects.toThrow('no answer');
    await nextTurn();
    expect(begun).toEqual([0, 1]);
  });

  test('When a place is handed over, then nobody slips in between', async () => {
    const { call, begun } = aLimiter(1);
    const first = call(0);
    call(1);
    first.resolve(0);
    const late = first.result.then(() => call(2));
    await late;
    await nextTurn();
    expect(begun).toEqual([0, 1]);
  });
});
