import { startScratchPostgres } from '../../../../scripts/lib/postgres';
import { canonicalText } from '../../../src/kafka/messages';
import { StoreUnavailableError } from '../../../src/store/order-store';
import type { PassedEnds } from '../../../src/store/postgres/types';
import { anOrder, created, orderIdOf } from '../../support/builders';
import { eventually, recordingLogger } from '../../support/fakes';
import { batchOf, connectTo, createStores, topics } from '../../support/postgres';

const ids = [1, 2, 3].map(orderIdOf);
const textOf = (orderId: string, differences = {}): string => canonicalText(anOrder({ orderId, ...differences }));

describe('Tables that a crash has set back', () => {
  let scratch: Awaited<ReturnType<typeof startScratchPostgres>>;
  let url: string;
  let count = 0;
  const stores = createStores();
  beforeAll(async () => {
    // What does not wait for the disk is not there before ten seconds are over, unless something that waits comes after it.
    scratch = await startScratchPostgres({ settings: { wal_writer_delay: '10s' } });
  });
  beforeEach(async () => {
    url = await scratch.postgres.createDatabase(`crash_${count += 1}`);
  });
  afterEach(stores.stopAll);
  afterAll(() => scratch.remove());

  /** The log holds the orders: whoever asks for its ends from now on has to have read them. */
  const passed: PassedEnds = (positions) => positions.some(({ topic, next }) => topic === topics.orders && next >= BigInt(ids.length));

  const openTwo = async () => {
    let asked = 0;
    const endsOfNow = (): Promise<PassedEnds> => {
      asked += 1;
      return Promise.resolve(passed);
    };
    const { logger, lines } = recordingLogger();
    const replicas = [await stores.open(url, { endsOfNow, logger }), await stores.open(url, { endsOfNow, logger })] as const;
    for (const topic of Object.values(topics)) await replicas[0].startPartition({ topic, partition: 0, low: '0' });
    const areCurrent = (): boolean => lines.filter(({ message }) => message.startsWith('the tables are current again')).length === replicas.length;
    return { replicas, asked: () => asked, areCurrent };
  };

  type Replica = Awaited<ReturnType<typeof openTwo>>['replicas'][number];

  const accept = async ({ store }: Replica): Promise<void> => {
    for (const orderId of ids) await store.claim(orderId, textOf(orderId));
    for (const [offset, orderId] of ids.entries()) await store.acknowledge(orderId, { partition: 0, offset: String(offset) });
  };

  const crash = async (): Promise<void> => {
    await scratch.postgres.kill();
    await scratch.postgres.start();
  };

  const sourceOf = async (orderId: string): Promise<unknown> => {
    const admin = await connectTo(url);
    const [row] = await admin.query('SELECT source FROM orders WHERE order_id = $1', [orderId]);
    await admin.end();
    return row;
  };

  test('When the database crashes right after orders were acknowledged, then none is denied, and all are found once the log was read', async () => {
    const { replicas, areCurrent } = await openTwo();
    await accept(replicas[0]);
    await crash();
    expect(await sourceOf(ids[2]!)).toEqual({ source: 0 });
    for (const { store } of replicas) {
      await expect(store.get(ids[2]!)).rejects.toThrow(StoreUnavailableError);
      await expect(store.newestFirst()[Symbol.asyncIterator]().next()).rejects.toThrow(StoreUnavailableError);
      await expect(store.counts()).rejects.toThrow(StoreUnavailableError);
    }
    await replicas[1].applyBatch(batchOf(ids.map((orderId) => created(orderId, { order: textOf(orderId) }))));
    await eventually(areCurrent, 5_000);
    for (const { store } of replicas) {
      expect(await store.counts()).toEqual({ pending: ids.length, completed: 0, failed: 0 });
      for (const orderId of ids) expect((await store.get(orderId))?.order?.text).toBe(textOf(orderId));
    }
  });

  test('When the database crashes right after orders were acknowledged, then their ids stay taken, on every replica', async () => {
    const { replicas } = await openTwo();
    const first = await replicas[0].store.claim(ids[0]!, textOf(ids[0]!));
    await accept(replicas[0]);
    await crash();
    for (const { store } of replicas) {
      expect(await store.claim(ids[0]!, textOf(ids[0]!, { amount: 7 }))).toEqual({ kind: 'conflict' });
      expect(await store.claim(ids[0]!, textOf(ids[0]!))).toEqual(first);
    }
  });

  test('When it crashes again while the tables catch up, then the ends are asked for anew', async () => {
    const { replicas: [one], asked } = await openTwo();
    await accept(one);
    await crash();
    await eventually(() => asked() > 0, 5_000);
    const before = asked();
    await crash();
    await eventually(() => asked() > before, 5_000);
    await expect(one.store.get(ids[0]!)).rejects.toThrow(StoreUnavailableError);
  });

  test('When it is only restarted, then nothing was lost, and nobody waits for the log', async () => {
    const { replicas: [one], asked } = await openTwo();
    await accept(one);
    await scratch.postgres.restart();
    expect((await one.store.get(ids[2]!))?.order?.text).toBe(textOf(ids[2]!));
    expect(asked()).toBe(0);
  });
});
