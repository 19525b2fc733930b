import { createFeed, type ReadPosition } from '../../src/processors/feed';
import { StoreUnavailableError } from '../../src/processors/order-store';
import { statusOf } from '../../src/processors/projection';
import { createStreams } from '../../src/routes/streams';
import { createMemoryStore } from '../../src/store/memory';
import { created, failed, orderIdOf, paid } from '../support/builders';
import { recordingLogger } from '../support/fakes';
import { createRandom } from '../support/log';

/** Orders that change all the time, over a store that is slow or does not answer; and clients that are cut and come back. */
const aStation = (seed: number) => {
  const random = createRandom(seed);
  const memory = createMemoryStore({ max: 10_000 });
  const lagMs = [1, 30, 150][seed % 3]!;
  const failsOneIn = seed % 2 === 0 ? 10 : Infinity;
  const log: ReadPosition = { topic: 'orders', partition: 0, start: 0n, next: 0n };
  const feed = createFeed({ positions: () => [log], unmet: memory.unmet });
  const slowly = async <T>(ask: () => Promise<T>): Promise<T> => {
    await new Promise((resolve) => setTimeout(resolve, random(lagMs)));
    if (random(1_000) < 1_000 / failsOneIn) throw new StoreUnavailableError('away');
    return ask();
  };
  const streams = createStreams({
    store: { getMany: (ids) => slowly(() => memory.getMany(ids)), counts: () => slowly(memory.counts) },
    changes: {
      onChange: memory.onChange, onGap: () => undefined, position: feed.position, since: async (position) => feed.since(position),
    },
    logger: recordingLogger().logger,
  });
  const orderIds: string[] = [];

  const read = (fact: Parameters<typeof memory.apply>[0]): void => {
    const offset = log.next.toString();
    if (memory.apply(fact, { partition: 0, offset }) !== undefined) feed.note('orders', 0, offset, fact.orderId);
    log.next += 1n;
  };
  /** Shown at its acknowledgement, and met in the log a little later. */
  const publish = async (orderId: string): Promise<void> => {
    const offset = log.next.toString();
    await memory.claim(orderId, created(orderId).order);
    await memory.acknowledge(orderId, { partition: 0, offset });
    await jest.advanceTimersByTimeAsync(random(20));
    expect(memory.confirm(orderId, 0, offset)).toBe(true);
    feed.note('orders', 0, offset, orderId);
    log.next += 1n;
  };
  const step = async (): Promise<void> => {
    const any = orderIds[random(orderIds.length)]!;
    if (orderIds.length === 0 || random(2) === 0) {
      const orderId = orderIdOf(orderIds.length);
      orderIds.push(orderId);
      if (random(2) === 0) read(created(orderId));
      else await publish(orderId);
    } else {
      read(random(2) === 0 ? paid(any) : failed(any));
    }
    await jest.advanceTimersByTimeAsync(random(25));
  };
  /** What orders are, and what a client of all of them, or of one, has to know in the end. */
  const truth = async (orderId?: string): Promise<Record<string, string>> => Object.fromEntries(
    [...await memory.getMany(orderId === undefined ? orderIds : [orderId])].map(([id, entry]) => [id, statusOf(entry)]),
  );

  /** A client reads the list when its stream could not be resumed. */
  const listen = (orderId?: string) => {
    const client = { known: {} as Record<string, string>, counts: '', lost: (): void => undefined, truth: () => truth(orderId) };
    let lastEventId: string | undefined;
    const hear = (text: string): void => {
      for (const [, event, id, data] of text.matchAll(/^event: (.*)\nid: (.*)\ndata: (.*)$/gm)) {
        lastEventId = id;
        if (event === 'counts') client.counts = data!;
        const { orderId: changed, status, resumed } = JSON.parse(data!) as Record<string, string | boolean>;
        if (event === 'order') client.known[String(changed)] = String(status);
        if (event === 'sync' && resumed === false && orderId === undefined) void truth().then((list) => (client.known = list));
      }
    };
    const connect = (): void => {
      let gone = false;
      const lost = (): void => {
        if (gone) return;
        gone = true;
        setTimeout(() => {
          close?.();
          connect();
        }, random(50));
      };
      const reader = { write: (chunk: Buffer) => (gone ? undefined : hear(chunk.toString())), waiting: () => 0, end: lost, cut: lost };
      const close = streams.open(reader, { ...(orderId !== undefined && { orderId }), ...(lastEventId !== undefined && { lastEventId }) });
      client.lost = lost;
    };
    connect();
    return client;
  };
  return { random, orderIds, step, listen, counts: async () => JSON.stringify(await memory.counts()) };
};

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'When the store is slow or does not answer, and streams are cut and resumed (seed %i), then in the end each client knows each order as it is', async (seed) => {
    jest.useFakeTimers({ doNotFake: ['nextTick'] });
    const { random, orderIds, step, listen, counts } = aStation(seed);
    const [ofAll, ofOne] = [[listen(), listen(), listen()], [] as ReturnType<typeof listen>[]];
    for (let i = 0; i < 150; i += 1) {
      await step();
      if (i % 20 === 0) ofOne.push(listen(orderIds[random(orderIds.length)]));
      if (random(10) === 0) [...ofAll, ...ofOne][random(ofAll.length + ofOne.length)]!.lost();
    }
    await jest.advanceTimersByTimeAsync(30_000);
    for (const client of [...ofAll, ...ofOne]) expect(client.known).toEqual(await client.truth());
    for (const client of ofAll) expect(client.counts).toBe(await counts());
    jest.useRealTimers();
  });
