import { startTestPostgres } from '../../../scripts/test/test-postgres';
import type { OrderFact } from '../../src/processors/facts';
import { openFreshTables, type FreshTables } from '../../src/rebuild/fresh-tables';
import { created, failed, orderIdOf, paid } from '../support/builders';
import { recordingLogger } from '../support/fakes';
import { batchOf, connectTo, topics } from '../support/postgres';

const ids = Array.from({ length: 40 }, (_, number) => orderIdOf(number));
const { orders, payments, deadLetters } = topics;

describe('Fresh tables', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let admin: Awaited<ReturnType<typeof connectTo>>;
  let fresh: FreshTables;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  beforeEach(async () => {
    const url = await postgres.newDatabase();
    admin = await connectTo(url);
    fresh = await openFreshTables({ url, topics: Object.values(topics), logger: recordingLogger().logger });
    for (const topic of Object.values(topics)) await fresh.startPartition({ topic, partition: 0, low: '0' });
  });
  afterEach(() => Promise.all([fresh.close(), admin.end()]));
  afterAll(() => postgres.stop());

  const query = (text: string) => admin.query(text.replaceAll('fresh.', 'orders_rebuild.'));
  const applyPast = async (topic: string, facts: OrderFact[], from = 0): Promise<void> => {
    for (const [i, fact] of facts.entries()) await fresh.applyBatch({ ...batchOf([fact], { topic, from: from + i }), isPast: true });
  };

  test('When batches of all topics are long past, in whatever order, then rows, counts and positions are those of the log', async () => {
    await applyPast(payments, ids.slice(0, 20).map((orderId) => paid(orderId)));
    await applyPast(orders, ids.map((orderId) => created(orderId)));
    await applyPast(deadLetters, ids.slice(15, 35).map((orderId) => failed(orderId)));
    await applyPast(payments, [paid(ids[0], { paymentId: orderIdOf(7) })], 20);
    expect([...await fresh.positions()].sort()).toEqual([['orders.DLT/0', 20n], ['orders/0', 40n], ['payments/0', 21n]]);
    expect(await query(`SELECT count(*)::integer AS orders, count(payment_id)::integer AS paid, count(failure)::integer AS failed,
      count(DISTINCT payment_id)::integer AS payments, sum(order_offset)::integer AS offsets, min(source) AS source FROM fresh.orders`))
      .toEqual([{ orders: 40, paid: 20, failed: 20, payments: 1, offsets: (39 * 40) / 2, source: 2 }]);
    expect(await query('SELECT status, sum(count)::integer AS count FROM fresh.order_counts GROUP BY status ORDER BY status'))
      .toEqual([{ status: 'completed', count: 20 }, { status: 'failed', count: 15 }, { status: 'pending', count: 5 }]);
  });

  test('When a batch is long past, then its changes are known not to be kept, and those of the next one are', async () => {
    await applyPast(orders, [created(ids[0]), created(ids[1])]);
    await fresh.applyBatch({ ...batchOf([created(ids[2])], { from: 2 }), isPast: false });
    await fresh.positions();
    expect(await query('SELECT "offset"::integer FROM fresh.order_changes')).toEqual([{ offset: 2 }]);
    expect(await query("SELECT changes_from::integer AS kept FROM fresh.projection_offsets WHERE topic = 'orders'")).toEqual([{ kept: 2 }]);
  });

  test('When an order and its outcome are read together, then they are one row written', async () => {
    await applyPast(orders, [created(ids[0])]);
    await applyPast(payments, [paid(ids[0])]);
    await fresh.positions();
    // A row that is written again moves.
    expect(await query('SELECT ctid::text AS place FROM fresh.orders')).toEqual([{ place: '(0,1)' }]);
  });

  test('When a partition is asked where it stands, then that is behind what waits to be written', async () => {
    await applyPast(orders, [created(ids[0]), created(ids[1])]);
    expect(await fresh.startPartition({ topic: orders, partition: 0, low: '0' })).toBe('2');
  });

  test('When a batch does not begin where the tables are, then nothing of it is written, and the rebuild hears of it', async () => {
    await applyPast(orders, [created(ids[0])], 7);
    await expect(fresh.positions()).rejects.toThrow('the fresh tables are not at offset 7 of orders/0');
    expect(await query('SELECT order_id FROM fresh.orders')).toEqual([]);
  });
});
