import type { OrderFact } from '../../src/processors/facts';
import { createFeed, type ReadPosition } from '../../src/processors/feed';
import { canonicalText } from '../../src/processors/order';
import { StoreUnavailableError } from '../../src/processors/order-store';
import { createStreams, type Asked } from '../../src/routes/streams';
import { createMemoryStore } from '../../src/store/memory';
import { anOrder, created, failed, orderIdOf, paid } from '../support/builders';
import { recordingLogger } from '../support/fakes';

type Seen = { event: string; id: string; data: Record<string, unknown> };

const parse = (text: string): Seen[] => text.split('\n\n').filter((block) => block.includes('data: ')).map((block) => {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
  return { event: field('event'), id: field('id'), data: JSON.parse(field('data')) as Record<string, unknown> };
});

/** Streams over a log of one partition, and readers that keep what is written to them. */
const aStation = () => {
  const { logger, lines } = recordingLogger();
  const store = createMemoryStore({ max: 10_000 });
  const log: ReadPosition = { topic: 'orders', partition: 0, start: 0n, next: 0n };
  const feed = createFeed({ positions: () => [log], unmet: () => [] });
  const onGaps: (() => void)[] = [];
  const changes = {
    onChange: store.onChange, onGap: (onGap: () => void) => void onGaps.push(onGap), position: feed.position,
    since: async (position: string) => feed.since(position),
  };
  const streams = createStreams({ store, changes, logger });

  const read = (...facts: OrderFact[]): void => {
    for (const fact of facts) {
      const offset = log.next.toString();
      if (store.apply(fact, { partition: 0, offset }) !== undefined) feed.note('orders', 0, offset, fact.orderId);
      log.next += 1n;
    }
  };
  const listen = async (asked: Asked = {}) => {
    const reader = { text: '', waiting: 0, ended: '' };
    const close = streams.open({
      write: (chunk) => void (reader.text += chunk.toString()),
      waiting: () => reader.waiting,
      end: () => void (reader.ended = 'ended'),
      cut: () => void (reader.ended = 'cut'),
    }, asked);
    await soon();
    return {
      reader,
      close,
      /** What came since it was last asked: `<event> <what> @<id>`. */
      heard: (): string[] => {
        const { text } = reader;
        reader.text = '';
        return parse(text).map(({ event, id, data }) => {
          const what = event === 'order' ? `${String(data['orderId']).slice(-1)} ${String(data['status'])}` : Object.values(data).join('/');
          return `${event} ${what} @${id}`;
        });
      },
    };
  };
  const miss = (): void => onGaps.forEach((onGap) => onGap());
  return { read, listen, store, streams, lines, miss };
};

/** What waits for the store has its answer. */
const soon = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

const [a, b, c] = [1, 2, 3].map(orderIdOf) as [string, string, string];

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick'] });
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a stream of all orders', () => {
  test('12.14 When so much changes at once that one text could not hold it, then it is told in parts, each order once', async () => {
    const { read, streams } = aStation();
    const items = Array.from({ length: 500 }, () => ({ productId: '\u{1f600}'.repeat(128), quantity: 1, price: 1 }));
    const chunks: number[] = [];
    let told = 0;
    streams.open({
      write: (chunk) => {
        chunks.push(chunk.length);
        told += chunk.toString().split('event: order').length - 1;
      },
      waiting: () => 0,
      end: () => undefined,
      cut: () => undefined,
    }, {});
    await soon();
    for (let number = 0; number < 150; number += 1) {
      const orderId = orderIdOf(number);
      read(created(orderId, { order: canonicalText(anOrder({ orderId, items })) }));
    }
    await jest.advanceTimersByTimeAsync(1_000);
    expect(told).toBe(150);
    expect(chunks.length).toBeGreaterThan(2);
  });

  test('When it begins, then it says how long to wait before coming back, that nothing is replayed, and the counts', async () => {
    const { read, listen } = aStation();
    read(created(a), paid(a));
    const { reader, heard } = await listen();
    expect(reader.text.startsWith('retry: 1000\n\n')).toBe(true);
    expect(heard()).toEqual(['sync false @2', 'counts 0/1/0 @2']);
  });

  test('When an order changes after a rest, then it is told at once, with the counts and the position behind it', async () => {
    const { read, listen } = aStation();
    const { heard } = await listen();
    heard();
    await jest.advanceTimersByTimeAsync(1_000);
    read(created(a));
    await jest.advanceTimersByTimeAsync(1);
    expect(heard()).toEqual(['order 1 pending @0', 'counts 1/0/0 @1']);
  });

  test('When orders change quickly, then each is told once in 50 ms, as it is by then, and only the last one carries the new position', async () => {
    const { read, listen } = aStation();
    const { heard } = await listen();
    await jest.advanceTimersByTimeAsync(1_000);
    read(created(a));
    await jest.advanceTimersByTimeAsync(1);
    heard();
    read(created(b), paid(a));
    await jest.advanceTimersByTimeAsync(10);
    read(created(c), failed(b));
    await jest.advanceTimersByTimeAsync(30);
    expect(heard()).toEqual([]);
    await jest.advanceTimersByTimeAsync(10);
    expect(heard()).toEqual(['order 2 failed @1', 'order 1 completed @1', 'order 3 pending @5']);
  });

  test('When the counts change all the time, then they are told once a second, and in the end', async () => {
    const { read, listen } = aStation();
    const { heard } = await listen();
    const counts: string[] = [];
    for (let number = 0; number < 25; number += 1) {
      read(created(orderIdOf(number)));
      await jest.advanceTimersByTimeAsync(100);
      counts.push(...heard().filter((what) => what.startsWith('counts')));
    }
    await jest.advanceTimersByTimeAsync(2_000);
    counts.push(...heard());
    expect(counts.map((what) => what.split(' ')[1])).toEqual(['0/0/0', '1/0/0', '11/0/0', '21/0/0', '25/0/0']);
  });

  test('When several listen, then all hear the same, and one that left hears nothing', async () => {
    const { read, listen } = aStation();
    const [one, other, gone] = [await listen(), await listen(), await listen()];
    for (const { heard } of [one, other, gone]) heard();
    gone.close?.();
    read(created(a));
    await jest.advanceTimersByTimeAsync(100);
    expect(one.heard()).toEqual(['order 1 pending @0', 'counts 1/0/0 @1']);
    expect(other.heard()).toEqual(['order 1 pending @0', 'counts 1/0/0 @1']);
    expect(gone.heard()).toEqual([]);
  });
});

describe('a stream of one order', () => {
  test('When it begins, then the order follows as it is; then only its changes', async () => {
    const { read, listen } = aStation();
    read(created(a), created(b));
    const { heard } = await listen({ orderId: a });
    expect(heard()).toEqual(['sync false @2', 'order 1 pending @2']);
    await jest.advanceTimersByTimeAsync(1_000);
    read(paid(b), paid(a), created(c));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(heard()).toEqual(['order 1 completed @5']);
  });
});

describe('a stream that is resumed', () => {
  test('When nothing is missing in between, then what changed follows, up to now', async () => {
    const { read, listen } = aStation();
    read(created(a), created(b));
    read(paid(b), created(c), paid(c));
    expect((await listen({ lastEventId: '2' })).heard()).toEqual(['sync true @2', 'order 3 completed @2', 'order 2 completed @2', 'counts 1/2/0 @5']);
    expect((await listen({ lastEventId: '5' })).heard()).toEqual(['sync true @5', 'counts 1/2/0 @5']);
    expect((await listen({ lastEventId: '2', orderId: b })).heard()).toEqual(['sync true @2', 'order 2 completed @5']);
  });

  test.each(['6', 'x', '', '00000000000000000000'])('When the id %j means nothing here, then it begins anew', async (lastEventId) => {
    const { read, listen } = aStation();
    read(created(a));
    expect((await listen({ lastEventId })).heard()).toEqual(['sync false @1', 'counts 1/0/0 @1']);
  });

  test('When more changed than a stream may begin with, then it begins anew', async () => {
    const { read, listen } = aStation();
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    const orderIds = [1, 2, 3, 4, 5, 6, 7, 8].map(orderIdOf);
    read(...orderIds.map((orderId) => created(orderId, { order: canonicalText(anOrder({ orderId, items })) })));
    expect((await listen({ lastEventId: '4' })).heard()[0]).toBe('sync true @4');
    expect((await listen({ lastEventId: '0' })).heard()[0]).toBe('sync false @8');
  });

  test('When a stream is cut anywhere and resumed at its last id, then in the end every order was told as it is', async () => {
    const { read, listen } = aStation();
    const facts = [created(a), created(b), paid(a), created(c), failed(b), paid(c), paid(b)];
    const { reader } = await listen();
    for (const fact of facts) {
      read(fact);
      await jest.advanceTimersByTimeAsync(20);
    }
    await jest.advanceTimersByTimeAsync(2_000);
    const all = parse(reader.text);
    for (let cut = 1; cut <= all.length; cut += 1) {
      const again = await listen({ lastEventId: all[cut - 1]!.id });
      const told = new Map([...all.slice(0, cut), ...parse(again.reader.text)]
        .filter(({ event }) => event === 'order').map(({ data }) => [data['orderId'], data['status']]));
      expect([...told.entries()].sort()).toEqual([a, b, c].map((orderId) => [orderId, 'completed']));
      again.close?.();
    }
  });

  test('When far more changed than is told again, then no more is read of it than it takes to see that', async () => {
    const { read, listen, store } = aStation();
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    for (let number = 0; number < 500; number += 1) {
      const orderId = orderIdOf(number);
      read(created(orderId, { order: canonicalText(anOrder({ orderId, items })) }));
    }
    const getMany = jest.spyOn(store, 'getMany');
    expect((await listen({ lastEventId: '0' })).heard()).toEqual(['sync false @500', 'counts 500/0/0 @500']);
    expect(getMany.mock.calls.flatMap(([orderIds]) => orderIds).length).toBeLessThan(100);
  });

  test('When it comes while changes wait to be told, then it hears of them, and the others do not miss them', async () => {
    const { read, listen } = aStation();
    const first = await listen();
    await jest.advanceTimersByTimeAsync(1_000);
    first.heard();
    read(created(a));
    const second = await listen({ lastEventId: '0' });
    expect(second.heard()).toEqual(['sync true @0', 'order 1 pending @0', 'counts 1/0/0 @1']);
    expect(first.heard()).toEqual(['order 1 pending @0', 'counts 1/0/0 @1']);
  });
});

describe('12.14 the store takes time, or does not answer', () => {
  const away = new StoreUnavailableError('away');

  test('When an order changes while the store is asked, then the change is told after it, under the position behind it', async () => {
    const { read, listen, store } = aStation();
    const { heard } = await listen();
    await jest.advanceTimersByTimeAsync(1_000);
    heard();
    const { getMany } = store;
    jest.spyOn(store, 'getMany').mockImplementationOnce(async (orderIds) => {
      const entries = await getMany(orderIds);
      read(paid(a), created(b));
      return entries;
    });
    read(created(a));
    await jest.advanceTimersByTimeAsync(60);
    const told = heard().filter((what) => what.startsWith('order'));
    expect(told).toEqual(['order 1 pending @0', 'order 1 completed @1', 'order 2 pending @3']);
  });

  test('When the store is slow, then one flush follows the other, and nothing is left out', async () => {
    const { read, listen, store } = aStation();
    const { heard } = await listen();
    heard();
    const { getMany } = store;
    let asking = 0;
    jest.spyOn(store, 'getMany').mockImplementation(async (orderIds) => {
      asking += 1;
      expect(asking).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      asking -= 1;
      return getMany(orderIds);
    });
    for (let number = 1; number <= 9; number += 1) {
      read(created(orderIdOf(number)));
      await jest.advanceTimersByTimeAsync(70);
    }
    await jest.advanceTimersByTimeAsync(3_000);
    const told = new Set(heard().map((what) => what.split(' @')[0]).filter((what) => what?.startsWith('order')));
    expect(told.size).toBe(9);
  });

  test('When a change comes while a stream begins, then it is told behind what the stream begins with', async () => {
    const { read, listen, store } = aStation();
    const { counts } = store;
    jest.spyOn(store, 'counts').mockImplementationOnce(async () => {
      const before = await counts();
      read(created(a));
      return before;
    });
    const { heard } = await listen();
    expect(heard()).toEqual(['sync false @0', 'counts 0/0/0 @0']);
    await jest.advanceTimersByTimeAsync(100);
    expect(heard()).toEqual(['order 1 pending @0', 'counts 1/0/0 @1']);
  });

  test('When it does not answer a flush, then all streams are cut, and one that comes back hears what it missed', async () => {
    const { read, listen, store, lines } = aStation();
    read(created(a));
    const [one, other] = [await listen(), await listen({ orderId: a })];
    await jest.advanceTimersByTimeAsync(1_000);
    jest.spyOn(store, 'getMany').mockRejectedValueOnce(away);
    read(paid(a));
    await jest.advanceTimersByTimeAsync(100);
    expect([one.reader.ended, other.reader.ended]).toEqual(['cut', 'cut']);
    expect(lines).toMatchObject([{ level: 'warn', message: 'event streams cut off: the store does not answer', streams: 2 }]);
    expect((await listen({ lastEventId: '1' })).heard()).toEqual(['sync true @1', 'order 1 completed @1', 'counts 0/1/0 @2']);
  });

  test('When changes were missed, then all streams are cut, so that they begin anew', async () => {
    const { listen, lines, miss } = aStation();
    const [one, other] = [await listen(), await listen({ orderId: a })];
    miss();
    expect([one.reader.ended, other.reader.ended]).toEqual(['cut', 'cut']);
    expect(lines).toMatchObject([{ level: 'warn', message: 'event streams cut off: changes were missed', streams: 2 }]);
  });

  test('When it does not answer as a stream begins, then that one is cut, and the others hear on', async () => {
    const { read, listen, store } = aStation();
    const other = await listen();
    other.heard();
    jest.spyOn(store, 'counts').mockRejectedValueOnce(away);
    const { reader, close } = await listen();
    expect([reader.ended, reader.text]).toEqual(['cut', '']);
    close?.();
    read(created(a));
    await jest.advanceTimersByTimeAsync(100);
    expect(other.heard()[0]).toBe('order 1 pending @0');
  });

  test('When a reader leaves, or all streams are closed, before one has begun, then nothing is written to it', async () => {
    const { streams } = aStation();
    const seen: string[] = [];
    const reader = { write: () => void seen.push('write'), waiting: () => 0, end: () => void seen.push('end'), cut: () => void seen.push('cut') };
    streams.open(reader, {})?.();
    await soon();
    expect([seen, streams.size()]).toEqual([[], 0]);
    streams.open(reader, {});
    streams.close();
    await soon();
    expect(seen).toEqual(['end']);
  });
});

describe('readers', () => {
  test('When nothing happens, then all hear a heartbeat every 15 s', async () => {
    const { read, listen } = aStation();
    read(created(a));
    const readers = [(await listen()).reader, (await listen({ orderId: a })).reader];
    readers.forEach((reader) => reader.text = '');
    await jest.advanceTimersByTimeAsync(30_000);
    expect(readers.map(({ text }) => text)).toEqual(Array(2).fill(': heartbeat\n\n: heartbeat\n\n'));
  });

  test('When one has more than 1 MiB waiting, then it is cut off, and the others hear on', async () => {
    const { read, listen, lines } = aStation();
    const [slow, other] = [await listen(), await listen()];
    [slow, other].forEach(({ heard }) => heard());
    slow.reader.waiting = 1_048_577;
    other.reader.waiting = 1_048_576;
    read(created(a));
    await jest.advanceTimersByTimeAsync(100);
    expect([slow.reader.ended, slow.heard()]).toEqual(['cut', []]);
    expect([other.reader.ended, other.heard()[0]]).toEqual(['', 'order 1 pending @0']);
    expect(lines).toMatchObject([{ level: 'info', message: 'event stream cut off: its reader is too slow' }]);
  });

  test('When there are a thousand, then there is room for one more only after one has left', async () => {
    const { listen } = aStation();
    const closes = [] as (Awaited<ReturnType<typeof listen>>['close'])[];
    for (let i = 0; i < 1_000; i += 1) closes.push((await listen()).close);
    expect((await listen()).close).toBeUndefined();
    closes[0]?.();
    closes[0]?.();
    expect((await listen()).close).toBeDefined();
    expect((await listen()).close).toBeUndefined();
  });

  test('When streams are closed, then all end, one that does not take what it got is cut, and there are no new ones', async () => {
    const { read, listen, streams } = aStation();
    read(created(a));
    const [one, stuck, ofOne] = [await listen(), await listen(), await listen({ orderId: a })];
    stuck.reader.waiting = 1;
    streams.close();
    expect([one, stuck, ofOne].map(({ reader }) => reader.ended)).toEqual(['ended', 'cut', 'ended']);
    expect((await listen()).close).toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('When nobody listens, then a change leaves nothing to do', async () => {
    const { read, listen } = aStation();
    (await listen()).close?.();
    await jest.advanceTimersByTimeAsync(1_000);
    const before = jest.getTimerCount();
    read(created(a), created(b));
    expect(jest.getTimerCount()).toBe(before);
  });
});
