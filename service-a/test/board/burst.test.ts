import { runBurst } from '../../board/burst.ts';
import { deferred, eventually, type Deferred } from '../support/fakes';

test('When many are to be done, then no more than allowed are under way at a time, and all are done', async () => {
  const open: Deferred<void>[] = [];
  let most = 0;
  let done = 0;
  const burst = runBurst({ count: 10, concurrency: 3, task: async () => {
    const gate = deferred();
    open.push(gate);
    most = Math.max(most, open.length);
    await gate.promise;
    done += 1;
  } });
  while (done < 10) {
    await eventually(() => open.length > 0);
    open.shift()!.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await burst;
  expect(most).toBe(3);
});

test('When one fails, then nothing more is begun and the burst fails', async () => {
  const begun: number[] = [];
  const burst = runBurst({ count: 10, concurrency: 2, task: async (index) => {
    begun.push(index);
    if (index === 2) throw new Error('refused');
  } });
  await expect(burst).rejects.toThrow('refused');
  expect(begun.length).toBeLessThanOrEqual(4);
});
