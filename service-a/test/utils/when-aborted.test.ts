import { pause, whenAborted } from '../../src/utils/when-aborted';

describe('when aborted', () => {
  test('When the signal aborts, then those are called that were not taken away', () => {
    const abort = new AbortController();
    const called: number[] = [];
    const forget = [0, 1, 2].map((number) => whenAborted(abort.signal, () => void called.push(number)));
    forget[1]!();
    abort.abort();
    expect(called).toEqual([0, 2]);
  });

  test('When a pause is over, then it resolves; when the signal aborts before, then it rejects with its reason', async () => {
    const abort = new AbortController();
    await pause(1, abort.signal);
    const paused = pause(60_000, abort.signal);
    abort.abort(new Error('shutting down'));
    await expect(paused).rejects.toThrow('shutting down');
    await expect(pause(1, abort.signal)).rejects.toThrow('shutting down');
  });

  test('When thousands wait for one signal, then it has one listener', () => {
    const abort = new AbortController();
    const added = jest.spyOn(abort.signal, 'addEventListener');
    for (let i = 0; i < 5_000; i += 1) whenAborted(abort.signal, () => undefined);
    expect(added).toHaveBeenCalledTimes(1);
  });
});
