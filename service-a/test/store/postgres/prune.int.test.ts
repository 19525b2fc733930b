import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { canonicalText } from '../../../src/processors/order';
import { anOrder, created, failed, orderIdOf, paid } from '../../support/builders';
import { recordingLogger } from '../../support/fakes';
import { batchOf, connectTo, createStores, topics } from '../../support/postgres';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();

describe('Orders that are kept for some days', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  const stores = createStores();
  const { logger, lines } = recordingLogger();

  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterEach(() => stores.stopAll());
  afterAll(() => postgres.stop());

  test('When orders are older than that, then they go in small parts, the counts with them, and others stay', async () => {
    const url = await postgres.newDatabase();
    const first = await stores.open(url);
    for (const topic of Object.values(topics)) await first.startPartition({ topic, partition: 0, low: '0' });
    for (let from = 0; from < 1_200; from += 400) {
      const old = Array.from({ length: 400 }, (_, i) => created(orderIdOf(from + i), { createdAt: daysAgo(31) }));
      await first.applyBatch(batchOf(old, { from }));
    }
    await first.applyBatch(batchOf([1, 2, 3].map((number) => paid(orderIdOf(number))), { topic: topics.payments }));
    await first.applyBatch(batchOf([failed(orderIdOf(4))], { topic: topics.deadLetters }));
    await first.applyBatch(batchOf([created(orderIdOf(5_000), { createdAt: daysAgo(29) })], { from: 1_200 }));
    await first.store.claim(orderIdOf(5_001), canonicalText(anOrder({ orderId: orderIdOf(5_001) })));

    const admin = await connectTo(url);
    const shown = (): Promise<unknown[]> => admin.query('SELECT order_id FROM orders ORDER BY order_id');
    await stores.open(url, { keepDays: 30, logger });
    const deadline = Date.now() + 20_000;
    while ((await shown()).length > 2 && Date.now() < deadline) await new Promise(setImmediate);
    expect(await shown()).toEqual([{ order_id: orderIdOf(5_000) }, { order_id: orderIdOf(5_001) }]);
    expect(await first.store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
    expect(lines.filter(({ message }) => message === 'old orders deleted')).toEqual([expect.objectContaining({ orders: 1_200, days: 30 })]);
    await admin.end();
  });
});
