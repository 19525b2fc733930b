import { createFeed, type Connection, type Source } from '../../board/feed.ts';

const CONNECTING = 0;
const CLOSED = 2;

type Listener = Parameters<Source['addEventListener']>[1];

const aSource = () => {
  const listeners = new Map<string, Listener>();
  const state = { readyState: CONNECTING, closed: false };
  const source: Source = {
    get readyState() { return state.readyState; },
    addEventListener: (type, listener) => void listeners.set(type, listener),
    close: () => { state.closed = true; },
  };
  return {
    source, state,
    send: (type: string, data: unknown): void => listeners.get(type)!({ data: typeof data === 'string' ? data : JSON.stringify(data) }),
    fail: (readyState: number): void => {
      state.readyState = readyState;
      listeners.get('error')!({});
    },
  };
};

const aFeed = () => {
  const sources: ReturnType<typeof aSource>[] = [];
  const connections: Connection[] = [];
  const syncs: unknown[] = [];
  const orders: unknown[] = [];
  createFeed({
    open: () => {
      sources.push(aSource());
      return sources.at(-1)!.source;
    },
    first: 'sync',
    events: { sync: (data) => syncs.push(data), order: (data) => orders.push(data) },
    onConnection: (connection) => connections.push(connection),
  });
  return { sources, connections, syncs, orders };
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test('When the stream has said sync, then it is live, and its events are passed on', () => {
  const { sources: [source], connections, syncs, orders } = aFeed();
  source!.send('order', { orderId: 'early' });
  expect(connections).toEqual(['connecting']);
  source!.send('sync', { resumed: false });
  source!.send('order', { orderId: '1' });
  expect({ connections, syncs, orders }).toEqual({
    connections: ['connecting', 'live'], syncs: [{ resumed: false }], orders: [{ orderId: 'early' }, { orderId: '1' }],
  });
});

test('When the network failed, then the source comes back by itself and says whether anything was missed', () => {
  const { sources, connections, syncs } = aFeed();
  sources[0]!.send('sync', { resumed: false });
  sources[0]!.fail(CONNECTING);
  jest.runAllTimers();
  sources[0]!.send('sync', { resumed: true });
  expect(sources).toHaveLength(1);
  expect(connections).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  expect(syncs).toEqual([{ resumed: false }, { resumed: true }]);
});

test('When the stream was refused, then a new one is opened after a while', () => {
  const { sources, connections } = aFeed();
  sources[0]!.fail(CLOSED);
  expect([sources.length, connections.at(-1), sources[0]!.state.closed]).toEqual([1, 'reconnecting', true]);
  jest.advanceTimersByTime(1_000);
  expect(sources).toHaveLength(2);
});

test('When it is refused again and again, then the pauses grow to ten seconds, and begin anew once it was live', () => {
  jest.spyOn(Math, 'random').mockReturnValue(1);
  const { sources } = aFeed();
  const openedAfter = (): number => {
    const before = sources.length;
    sources.at(-1)!.fail(CLOSED);
    const from = Date.now();
    while (sources.length === before) jest.advanceTimersToNextTimer();
    return Date.now() - from;
  };
  expect(Array.from({ length: 6 }, openedAfter)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  sources.at(-1)!.send('sync', { resumed: false });
  expect(openedAfter()).toBe(1_000);
  jest.restoreAllMocks();
});

test('When the data of an event is no JSON, then the event comes without', () => {
  const { sources: [source], syncs, orders } = aFeed();
  source!.send('order', '{bad');
  source!.send('sync', '');
  expect({ syncs, orders }).toEqual({ syncs: [undefined], orders: [undefined] });
});
