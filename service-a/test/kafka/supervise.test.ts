import type { Consumer } from 'kafkajs';
import { superviseConsumer } from '../../src/kafka/supervise';
import { recordingLogger } from '../support/fakes';

const events = {
  GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', FETCH: 'fetch', END_BATCH_PROCESS: 'batch', REBALANCING: 'rebalancing', CRASH: 'crash', STOP: 'stop',
};

const aConsumer = () => {
  const listeners = new Map<string, (event: unknown) => void>();
  const consumer = {
    events,
    on: (name: string, listener: (event: unknown) => void) => listeners.set(name, listener),
    disconnect: jest.fn(() => Promise.resolve()),
  };
  return { consumer: consumer as unknown as Consumer, emit: (name: string, payload: unknown = {}) => listeners.get(name)?.({ payload }) };
};

const supervised = (begin: () => Promise<void> = () => Promise.resolve()) => {
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
    built[0]!.emit('join');
    for (let i = 0; i < 100; i += 1) {
      await pass(1_000);
      built[0]!.emit('heartbeat');
    }
    expect(supervisor.healthy()).toBe(true);
    expect(built).toHaveLength(1);
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

  test('When it is stopped, then it is closed and no other one is built', async () => {
    const { supervisor, built } = supervised();
    await supervisor.stop();
    await pass(60_000);
    expect(built[0]!.consumer.disconnect).toHaveBeenCalled();
    expect(built).toHaveLength(1);
  });
});
