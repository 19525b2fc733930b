import type { Consumer } from 'kafkajs';
import { superviseConsumer, type Life } from '../../src/kafka/supervise';
import { recordingLogger } from '../support/fakes';

const events = {
  GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', FETCH: 'fetch', END_BATCH_PROCESS: 'batch', REBALANCING: 'rebalancing', CRASH: 'crash', STOP: 'stop',
};

const aConsumer = () => {
  const listeners: [name: string, listener: (event: unknown) => void][] = [];
  const consumer = {
    events,
    on: (name: string, listener: (event: unknown) => void) => void listeners.push([name, listener]),
    disconnect: jest.fn(() => Promise.resolve()),
  };
  const emit = (name: string, payload: unknown = {}): void =>
    listeners.filter(([of]) => of === name).forEach(([, listener]) => listener({ payload }));
  /** As a broker lets it: it joins, and reads. */
  const joinAndFetch = (): void => {
    emit('join');
    emit('fetch');
  };
  return { consumer: consumer as unknown as Consumer, emit, joinAndFetch };
};

const supervised = (begin: (life: Life) => Promise<void> = () => Promise.resolve()) => {
  const built: ReturnType<typeof aConsumer>[] = [];
  const told: string[] = [];
  const supervisor = superviseConsumer({
    create: () => {
      built.push(aConsumer());
      return built.at(-1)!.consumer;
    },
    begin, onJoin: () => void told.push('joined'), onRestart: () => void told.push('restarted'), logger: recordingLogger().logger, stallMs: 30_000,
  });
  supervisor.start();
  return { supervisor, built, told };
};

describe('supervised consumer', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const pass = (ms: number): Promise<unknown> => jest.advanceTimersByTimeAsync(ms);

  test('When it joined and shows signs of life, then it is healthy and stays', async () => {
    const { supervisor, built } = supervised();
    expect(supervisor.healthy()).toBe(false);
    built[0]!.joinAndFetch();
    for (let i = 0; i < 100; i += 1) {
      await pass(1_000);
      built[0]!.emit('heartbeat');
    }
    expect(supervisor.healthy()).toBe(true);
    expect(built).toHaveLength(1);
  });

  test('16 When it joined and may not read, then it is not healthy', () => {
    const { supervisor, built } = supervised();
    built[0]!.emit('join');
    built[0]!.emit('heartbeat');
    expect(supervisor.healthy()).toBe(false);
  });

  test('When it crashes, then it is closed, not healthy, and another one is built', async () => {
    const { supervisor, built, told } = supervised();
    built[0]!.emit('join');
    built[0]!.emit('crash', { error: new Error('gave up') });
    await pass(10);
    expect(supervisor.healthy()).toBe(false);
    expect(built[0]!.consumer.disconnect).toHaveBeenCalled();
    await pass(1_100);
    expect(built).toHaveLength(2);
    built[1]!.emit('join');
    expect(supervisor.healthy()).toBe(false);
    built[1]!.emit('fetch');
    expect(supervisor.healthy()).toBe(true);
    expect(told).toEqual(['joined', 'restarted', 'joined']);
  });

  test('When it cannot begin, then it is tried for as long as it takes', async () => {
    const { built } = supervised(() => Promise.reject(new Error('no broker')));
    await pass(60_000);
    expect(built.length).toBeGreaterThan(10);
  });

  test('When it shows no sign of life, then it is not healthy after 5 s, and another one is built after 30 s', async () => {
    const { supervisor, built } = supervised();
    built[0]!.emit('join');
    await pass(5_100);
    expect(supervisor.healthy()).toBe(false);
    expect(built).toHaveLength(1);
    await pass(28_000);
    expect(built).toHaveLength(2);
  });

  test('When the clock is set back, then one without a sign of life is seen all the same', async () => {
    const { supervisor, built } = supervised();
    built[0]!.joinAndFetch();
    jest.setSystemTime(Date.now() - 3_600_000);
    await pass(5_100);
    expect(supervisor.healthy()).toBe(false);
    await pass(28_000);
    expect(built).toHaveLength(2);
  });

  test('When the clock is set forward, then one that lives stays', async () => {
    const { supervisor, built } = supervised();
    built[0]!.joinAndFetch();
    jest.setSystemTime(Date.now() + 3_600_000);
    await pass(1_100);
    expect(supervisor.healthy()).toBe(true);
    expect(built).toHaveLength(1);
  });

  test('When it is out of its group for 30 s though it still fetches, then another one is built', async () => {
    const { built } = supervised();
    built[0]!.emit('join');
    built[0]!.emit('rebalancing');
    for (let i = 0; i < 35; i += 1) {
      await pass(1_000);
      built[0]!.emit('fetch');
    }
    expect(built).toHaveLength(2);
  });

  test('When the group rebalances, then it is healthy for 5 s more, also while it fetches', async () => {
    const { supervisor, built } = supervised();
    built[0]!.joinAndFetch();
    built[0]!.emit('rebalancing');
    await pass(4_000);
    built[0]!.emit('fetch');
    expect(supervisor.healthy()).toBe(true);
    await pass(1_100);
    expect(supervisor.healthy()).toBe(false);
  });

  test('When it stops, then it is not healthy', async () => {
    const { supervisor, built } = supervised();
    built[0]!.joinAndFetch();
    built[0]!.emit('stop');
    expect(supervisor.healthy()).toBe(false);
  });

  test('When a rebalance comes to nothing, then it is a member still as soon as a heartbeat is answered', async () => {
    const { supervisor, built } = supervised();
    built[0]!.joinAndFetch();
    built[0]!.emit('rebalancing');
    await pass(5_100);
    expect(supervisor.healthy()).toBe(false);
    for (let i = 0; i < 35; i += 1) {
      built[0]!.emit('heartbeat');
      await pass(1_000);
    }
    expect([supervisor.healthy(), built.length]).toEqual([true, 1]);
  });

  test.each([['joins', 'join'], ['stops', 'stop'], ['rebalances', 'rebalancing'], ['crashes', 'crash']])(
    '12.8 When one that was given up %s late, then its successor is not touched', async (_what, event) => {
      const heard: string[] = [];
      const { supervisor, built, told } = supervised(async ({ consumer, on }) => {
        for (const name of [consumer.events.GROUP_JOIN, consumer.events.REBALANCING]) on(name, () => void heard.push(name));
      });
      built[0]!.emit('crash', { error: new Error('gave up') });
      await pass(2_000);
      built[1]!.joinAndFetch();
      heard.length = 0;
      told.length = 0;
      built[0]!.emit(event, { error: new Error('late') });
      await pass(2_000);
      expect([supervisor.healthy(), supervisor.member(), heard, told, built.length]).toEqual([true, built[1]!.consumer, [], [], 2]);
    },
  );

  test('12.8 When one that was given up cannot begin after all, then its successor is not touched', async () => {
    const rejections: ((error: Error) => void)[] = [];
    const { supervisor, built } = supervised(() => new Promise((_resolve, reject) => void rejections.push(reject)));
    built[0]!.emit('crash', { error: new Error('gave up') });
    await pass(2_000);
    built[1]!.joinAndFetch();
    rejections[0]!(new Error('late'));
    await pass(3_000);
    expect([supervisor.healthy(), built.length]).toEqual([true, 2]);
  });

  test('12.9 When it joins its group anew, then commits still go to it, until it is given up', async () => {
    const { supervisor, built } = supervised();
    expect(supervisor.member()).toBeUndefined();
    built[0]!.emit('join');
    built[0]!.emit('rebalancing');
    expect([supervisor.healthy(), supervisor.member()]).toEqual([false, built[0]!.consumer]);
    supervisor.restart(new Error('a record has no outcome'));
    await pass(10);
    expect(supervisor.member()).toBeUndefined();
  });

  test('When it is stopped, then it is closed and no other one is built', async () => {
    const { supervisor, built } = supervised();
    await supervisor.stop();
    await pass(60_000);
    expect(built[0]!.consumer.disconnect).toHaveBeenCalled();
    expect(built).toHaveLength(1);
  });
});
