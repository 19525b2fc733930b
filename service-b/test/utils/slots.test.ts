import { createSlots } from '../../src/utils/slots';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Those who want a place, as they get it. */
const someSlots = (max: number) => {
  const slots = createSlots(max);
  const begun: number[] = [];
  const take = (number: number, signal = new AbortController().signal): Promise<void> =>
    slots.take(signal).then(() => void begun.push(number));
  return { ...slots, take, begun };
};

describe('slots', () => {
  test('When more come than there are places, then the others wait their turn', async () => {
    const { take, release, begun } = someSlots(2);
    for (const number of [0, 1, 2, 3]) void take(number);
    await nextTurn();
    expect(begun).toEqual([0, 1]);
    release();
    await nextTurn();
    expect(begun).toEqual([0, 1, 2]);
  });

  test('When a place is handed over, then nobody slips in between', async () => {
    const { take, release, begun } = someSlots(1);
    await take(0);
    void take(1);
    release();
    void take(2);
    await nextTurn();
    expect(begun).toEqual([0, 1]);
  });

  test('When nobody waits, then a place that is given back is free', async () => {
    const { take, release, begun } = someSlots(1);
    await take(0);
    release();
    await take(1);
    expect(begun).toEqual([0, 1]);
  });

  test('When the signal of one who waits aborts, then it is told, and its turn goes to the next', async () => {
    const { take, release, begun } = someSlots(1);
    const abort = new AbortController();
    await take(0);
    const given = [take(1, abort.signal), take(2, abort.signal)];
    void take(3);
    abort.abort(new Error('shutting down'));
    for (const one of given) await expect(one).rejects.toThrow('shutting down');
    release();
    await nextTurn();
    expect(begun).toEqual([0, 3]);
  });

  test('When the signal has aborted before, then no place is taken', async () => {
    const { take, begun } = someSlots(1);
    await expect(take(0, AbortSignal.abort(new Error('shutting down')))).rejects.toThrow('shutting down');
    await take(1);
    expect(begun).toEqual([1]);
  });
});
