import { createWaiters } from '../../src/processors/waiters';
import { createMemoryStore } from '../../src/store/memory';
import { created, failed, orderIdOf, paid } from '../support/builders';
import { tellerOf } from '../support/log';

const aRoom = () => {
  const store = createMemoryStore({ max: 100 });
  const tell = tellerOf(store);
  tell(created());
  const waiters = createWaiters(store);
  const over: string[] = [];
  const wait = (name: string, ms = 30_000, orderId = orderIdOf(0)) => {
    const waiter = waiters.wait(orderId, ms);
    void waiter.over.then(() => over.push(name));
    return waiter;
  };
  return { ...waiters, tell, wait, over };
};

describe('waiting for an order', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test.each([['paid', paid()], ['dead-lettered', failed()]])('When it is %s, then it is over for all who wait for it and no other', async (_what, fact) => {
    const { wait, over, tell } = aRoom();
    wait('one');
    wait('two');
    wait('other', 30_000, orderIdOf(1));
    tell(fact);
    await jest.advanceTimersByTimeAsync(0);
    expect(over).toEqual(['one', 'two']);
    expect(jest.getTimerCount()).toBe(1);
  });

  test('When it changes and stays pending, then the waiting goes on', async () => {
    const { wait, over, tell } = aRoom();
    wait('one');
    tell(created(undefined, { attempts: 2 }));
    await jest.advanceTimersByTimeAsync(29_999);
    expect(over).toEqual([]);
  });

  test('When the time is over, then it is over for the one who asked for that time', async () => {
    const { wait, over } = aRoom();
    wait('long', 2_000);
    wait('short', 1_000);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(over).toEqual(['short']);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(over).toEqual(['short', 'long']);
  });

  test('When one goes away, then nothing of it is left, and the others wait on', async () => {
    const { wait, over, tell } = aRoom();
    const gone = wait('gone');
    wait('one');
    gone.cancel();
    expect(jest.getTimerCount()).toBe(1);
    await jest.advanceTimersByTimeAsync(0);
    tell(paid());
    gone.cancel();
    await jest.advanceTimersByTimeAsync(0);
    expect(over).toEqual(['gone', 'one']);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('When it closes, then it is over for all, and at once for whoever comes then', async () => {
    const { wait, over, close } = aRoom();
    wait('one');
    wait('other', 30_000, orderIdOf(1));
    close();
    await jest.advanceTimersByTimeAsync(0);
    expect(over).toEqual(['one', 'other']);
    wait('late');
    await jest.advanceTimersByTimeAsync(1);
    expect(over).toEqual(['one', 'other', 'late']);
  });
});
