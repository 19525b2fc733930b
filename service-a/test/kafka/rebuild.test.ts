import type { KafkaMessage } from 'kafkajs';
import { createTimeOrder } from '../../src/kafka/time-order';
import type { OrderFact } from '../../src/processors/facts';
import { createMemoryStore, type MemoryStore } from '../../src/store/memory';
import { created, failed, orderIdOf, paid, shown } from '../support/builders';
import { createRandom } from '../support/log';

type Random = ReturnType<typeof createRandom>;
/** A record of the log: what it says, where it lies, and when it was written. */
type Written = { fact: OrderFact; partition: string; offset: number; time: number };

const START = Date.parse('2026-11-22T10:00:00.000Z');
const iso = (time: number): string => new Date(START + time).toISOString();

/**
 * Orders, a second apart, and what became of them some seconds later: paid, failed, failed and redriven, or nothing. From one time to
 * another nothing is paid: what comes due then is handled at its end. No two records are of one time.
 */
const aHistory = (random: Random, orders: number, outage: { from: number; to: number }): Written[] => {
  const history: Written[] = [];
  const taken = new Set<number>();
  const write = (topic: string, number: number, wanted: number, factAt: (at: string) => OrderFact): number => {
    let time = topic !== 'orders' && wanted >= outage.from && wanted < outage.to ? outage.to + random(30_000) : wanted;
    while (taken.has(time)) time += 1;
    taken.add(time);
    history.push({ fact: factAt(iso(time)), partition: `${topic}/${number % 3}`, offset: time, time });
    return time;
  };
  for (let number = 0; number < orders; number += 1) {
    const id = orderIdOf(number);
    const createdAt = write('orders', number, number * 1_000, (at) => created(id, { createdAt: at }));
    const fail = (after: number): number => write('orders.DLT', number, after + 1 + random(20_000),
      (failedAt) => ({ ...failed(id, { failedAt }), createdAt: iso(createdAt) }));
    const pay = (after: number): number => write('payments', number, after + 1 + random(20_000), (at) => paid(id, { at }));
    const fate = random(10);
    if (fate < 6) pay(createdAt);
    else if (fate < 8) fail(createdAt);
    else if (fate < 9) pay(write('orders', number, fail(createdAt) + random(300_000), (at) => created(id, { createdAt: at, attempts: 2 })));
  }
  return history.toSorted((one, other) => one.time - other.time);
};

/** As the log reader does. Here the offset of a record is its time. */
const apply = (store: MemoryStore, { fact, partition, offset }: Written): void =>
  void store.apply(fact, { partition: Number(partition.split('/')[1]), offset: String(offset) });

/** Reads a history as the follower does: in batches, whichever comes first, and the records of these in the order of their times. */
const rebuild = (history: Written[], random: Random, handle: (written: Written) => void): void => {
  const unread = new Map<string, Written[]>();
  for (const one of history) unread.set(one.partition, [...unread.get(one.partition) ?? [], one]);
  const written = new Map<KafkaMessage, Written>();
  const order = createTimeOrder<string>();
  const behind = new Set([...unread.keys()].toSorted());
  while (unread.size > 0) {
    const partition = [...unread.keys()][random(unread.size)]!;
    const rest = unread.get(partition)!;
    const messages = rest.splice(0, 1 + random(60)).map((one): KafkaMessage => {
      const message = { key: null, value: null, timestamp: String(START + one.time), offset: '0', attributes: 0, headers: {} };
      written.set(message, one);
      return message;
    });
    if (rest.length === 0) unread.delete(partition);
    order.add(partition, messages, 0n);
    for (let run = order.take(behind, 1 + random(20)); run !== undefined; run = order.take(behind, 1 + random(20))) {
      run.messages.forEach((message) => handle(written.get(message)!));
      if (!unread.has(run.partition) && order.waiting(run.partition) === 0) behind.delete(run.partition);
    }
  }
};

/** All that can be seen of a store, from the newest order to the oldest. */
const seen = async (store: MemoryStore): Promise<unknown> => {
  const orders: unknown[] = [];
  for await (const part of store.newestFirst()) orders.push(...part.map(({ entry }) => shown(entry)));
  return { orders, counts: await store.counts() };
};

const seeds = Array.from({ length: 12 }, (_, seed) => seed + 1);
const noOutage = { from: 0, to: 0 };

describe('12.13 a rebuild of more orders than are held', () => {
  test.each(seeds)('When nothing was out of order (seed %i), then it shows what a service shows that never stopped', async (seed) => {
    const random = createRandom(seed);
    // Some while all that are held are pending, some while none is.
    const outage = { from: random(300_000), to: 300_000 + random(400_000) };
    const history = aHistory(random, 1_000, outage);
    const bound = { max: 20 + random(600), maxBytes: seed % 3 === 0 ? 300_000 : Infinity };
    const [live, rebuilt] = [createMemoryStore(bound), createMemoryStore(bound)];
    for (const written of history) apply(live, written);
    let handled = 0;
    rebuild(history, random, (written) => {
      handled += 1;
      apply(rebuilt, written);
    });
    expect(handled).toBe(history.length);
    expect(await seen(rebuilt)).toEqual(await seen(live));
  });

  test.each(seeds)('When the partitions reached the running service unevenly (seed %i), then it shows the same all the same', async (seed) => {
    const random = createRandom(seed);
    const history = aHistory(random, 1_000, noOutage);
    // Partitions are late by up to 50 s, each by as much as it happens; fewer than 250 orders are without an outcome at a time.
    const lateness = new Map(history.map(({ partition }) => [partition, random(50_000)]));
    const arrivalOf = ({ time, partition }: Written): number => time + lateness.get(partition)!;
    const delivered = history.toSorted((one, other) => arrivalOf(one) - arrivalOf(other));
    const bound = { max: 300 + random(300) };
    const [live, rebuilt] = [createMemoryStore(bound), createMemoryStore(bound)];
    for (const written of delivered) apply(live, written);
    rebuild(history, random, (written) => apply(rebuilt, written));
    expect(await seen(rebuilt)).toEqual(await seen(live));
  });

  test('When service-b was away for an hour, then none of the orders that its outcomes belong to is lost', async () => {
    const random = createRandom(7);
    const history = aHistory(random, 5_000, { from: 1_000_000, to: 4_600_000 });
    const [live, rebuilt] = [createMemoryStore({ max: 4_300 }), createMemoryStore({ max: 4_300 })];
    for (const written of history) apply(live, written);
    rebuild(history, random, (written) => apply(rebuilt, written));
    for (let number = 1_000; number < 4_600; number += 1) expect((await rebuilt.get(orderIdOf(number)))?.order).toBeDefined();
    expect(await seen(rebuilt)).toEqual(await seen(live));
  });
});
