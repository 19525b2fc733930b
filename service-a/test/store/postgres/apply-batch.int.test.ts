import { setTimeout as sleep } from 'node:timers/promises';
import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import type { OrderFact } from '../../../src/processors/facts';
import { canonicalText } from '../../../src/processors/order';
import type { OrderEntry } from '../../../src/processors/projection';
import { viewOf } from '../../../src/processors/view';
import { anOrder, created, failed, orderIdOf, paid } from '../../support/builders';
import { recordingLogger } from '../../support/fakes';
import { batchOf, changedOf, connectTo, createStores, topics } from '../../support/postgres';

const id = orderIdOf(1);
const ids = (count: number, from = 0): string[] => Array.from({ length: count }, (_, number) => orderIdOf(from + number));
const payments = { topic: topics.payments };
const shownIn = (entry: OrderEntry | undefined): unknown => entry && JSON.parse(viewOf(entry) ?? 'null');

describe('Batches in PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let url: string;
  const stores = createStores();
  const connections: Awaited<ReturnType<typeof connectTo>>[] = [];
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  beforeEach(async () => {
    url = await postgres.newDatabase();
  });
  afterEach(async () => {
    await stores.stopAll();
    await Promise.all(connections.splice(0).map(({ end }) => end()));
  });
  afterAll(() => postgres.stop());

  const open = async (options: Parameters<typeof stores.open>[1] = {}, partitions = 1) => {
    const opened = await stores.open(url, options);
    for (const topic of Object.values(topics)) {
      for (let partition = 0; partition < partitions; partition += 1) await opened.startPartition({ topic, partition, low: '0' });
    }
    return opened;
  };
  const admin = async () => {
    const connection = await connectTo(url);
    connections.push(connection);
    return connection;
  };

  describe('When a batch is applied', () => {
    test('then its orders are shown, listed, counted and told', async () => {
      const { store, applyBatch } = await open();
      const other = canonicalText(anOrder({ orderId: orderIdOf(2), userId: '\u0000\ud800"{}\\' }));
      const createdAt = '2026-11-22T12:30:00.500000+02:30';
      const facts = [created(id), created(orderIdOf(2), { order: other, createdAt }), created(orderIdOf(3))];
      expect(changedOf(await applyBatch(batchOf(facts)))).toEqual(['0001 pending 0', '0002 pending 1', '0003 pending 2']);
      expect(changedOf(await applyBatch(batchOf([paid(id)], payments)))).toEqual(['0001 completed 0']);
      expect(changedOf(await applyBatch(batchOf([failed(orderIdOf(3), {}, 2)], { topic: topics.deadLetters })))).toEqual(['0003 failed 0']);
      expect((await store.get(orderIdOf(2)))?.order).toEqual({ text: other, createdAt, source: 'log', position: { partition: 0, offset: '1' } });
      expect(shownIn(await store.get(id))).toMatchObject({ status: 'completed', paymentId: paid().paymentId, updatedAt: paid().at });
      expect(shownIn(await store.get(orderIdOf(3)))).toMatchObject({ status: 'failed', attempts: 2, failure: { retryCount: 0 } });
      expect(await store.counts()).toEqual({ pending: 1, completed: 1, failed: 1 });
    });

    test('then one that begins elsewhere changes nothing, and hears where to go on', async () => {
      const { store, applyBatch } = await open();
      await applyBatch(batchOf([created(id)]));
      for (const batch of [batchOf([created(orderIdOf(2))]), batchOf([created(orderIdOf(2))], { from: 7 })]) {
        expect(await applyBatch(batch)).toEqual({ kind: 'overtaken', next: '1' });
      }
      expect(await applyBatch(batchOf([], { partition: 9 }))).toEqual({ kind: 'overtaken', next: undefined });
      expect(await store.get(orderIdOf(2))).toBeUndefined();
    });

    test('then records without facts move the position alone', async () => {
      const { applyBatch } = await open();
      expect(await applyBatch({ ...batchOf([]), to: '9007199254740993' })).toEqual({ kind: 'applied', changed: [] });
      expect(changedOf(await applyBatch({ ...batchOf([]), from: '9007199254740993', to: '9007199254740994' }))).toEqual([]);
    });

    test('then the record of an order that was acknowledged is told, once, and writes no row', async () => {
      const { store, applyBatch } = await open();
      const { query } = await admin();
      await store.claim(id, created(id).order);
      await store.acknowledge(id, { partition: 0, offset: '0' });
      const [before] = await query('SELECT xmin, ctid FROM orders');
      expect(changedOf(await applyBatch(batchOf([created(id)])))).toEqual(['0001 pending 0']);
      expect(await query('SELECT xmin, ctid FROM orders')).toEqual([before]);
      expect(changedOf(await applyBatch(batchOf([created(id)], { from: 1 })))).toEqual([]);
      expect(await store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
    });

    test('then facts of one order in one batch make one row', async () => {
      const { store, applyBatch } = await open();
      const failures = [failed(id), failed(id, { retryCount: 3 }), failed(id, { retryCount: 2 })];
      const result = await applyBatch(batchOf(failures, { topic: topics.deadLetters }));
      expect(changedOf(result)).toEqual(['0001 failed 2']);
      expect((await store.get(id))?.failure?.retryCount).toBe(2);
    });

    test('then what stands earlier in the log replaces what was read before it, whatever is read first', async () => {
      const { store, applyBatch, startPartition } = await open();
      await startPartition({ topic: topics.orders, partition: 1, low: '5' });
      const another = canonicalText(anOrder({ orderId: id, amount: 1 }));
      await applyBatch(batchOf([created(id, { order: another })], { from: 5, partition: 1 }));
      await applyBatch(batchOf([created(id)]));
      expect(shownIn(await store.get(id))).toMatchObject({ amount: 99.99 });
      expect(await store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
    });
  });

  describe('When several write at once', () => {
    test('then of two readers of one partition one moves on, and the other is overtaken', async () => {
      const [one, other] = [await open(), await open()];
      for (let from = 0; from < 20; from += 1) {
        const results = await Promise.all([one, other].map(({ applyBatch }) => applyBatch(batchOf([created(orderIdOf(from))], { from }))));
        expect(results.map(({ kind }) => kind).sort()).toEqual(['applied', 'overtaken']);
      }
      expect(await one.store.counts()).toEqual({ pending: 20, completed: 0, failed: 0 });
    });

    /** Three writers with the same orders, one of them in opposite order; each round's orders are new, then not. */
    const writeInOppositeOrder = async (
      factsOf: (orderIds: string[], writer: number) => { topic: string; facts: OrderFact[] }[],
    ): Promise<void> => {
      const writers = [await open({}, 3), await open({}, 3), await open({}, 3)];
      for (let round = 0; round < 8; round += 1) {
        const those = ids(400, round * 400);
        await Promise.all(writers.map(async ({ applyBatch }, writer) => {
          for (const { topic, facts } of factsOf(writer === 1 ? those.toReversed() : those, writer)) {
            await applyBatch(batchOf(facts, { topic, partition: writer, from: round * 400 }));
          }
        }));
      }
    };
    /** A connection that ends tells what it has counted. */
    const deadlocks = async (): Promise<unknown> => {
      await stores.stopAll();
      return (await (await admin()).query('SELECT deadlocks::integer AS n FROM pg_stat_database WHERE datname = current_database()'))[0];
    };

    test('then three with the same new orders in opposite order all come through, none waits in a circle, and the result is that of the log', async () => {
      await writeInOppositeOrder((orderIds) => [{ topic: topics.orders, facts: orderIds.map((orderId) => created(orderId)) }]);
      const { query } = await admin();
      expect(await query('SELECT DISTINCT order_partition, source FROM orders')).toEqual([{ order_partition: 0, source: 2 }]);
      expect(await query('SELECT status, sum(count)::integer AS count FROM order_counts GROUP BY status')).toEqual([{ status: 'pending', count: 3_200 }]);
      expect(await deadlocks()).toEqual({ n: 0 });
    }, 60_000);

    test('then three with the same known orders in opposite order all come through, none waits in a circle, and the result is that of the log', async () => {
      const first = await open({}, 3);
      const all = ids(3_200).map((orderId) => created(orderId));
      for (let from = 0; from < all.length; from += 400) await first.applyBatch(batchOf(all.slice(from, from + 400), { from }));
      await writeInOppositeOrder((orderIds) => [{ topic: topics.deadLetters, facts: orderIds.map((orderId) => failed(orderId)) }]);
      const { query } = await admin();
      expect(await query('SELECT DISTINCT failure_partition FROM orders')).toEqual([{ failure_partition: 2 }]);
      expect(await query('SELECT status, sum(count)::integer AS count FROM order_counts GROUP BY status ORDER BY status'))
        .toEqual([{ status: 'failed', count: 3_200 }, { status: 'pending', count: 0 }]);
      expect(await deadlocks()).toEqual({ n: 0 });
    }, 60_000);

    test('then a row that another one changes at the same time is read after it', async () => {
      const opened = await open({}, 2);
      await opened.applyBatch(batchOf([failed(id)], { topic: topics.deadLetters }));
      const { query } = await admin();
      await query('BEGIN');
      await query('UPDATE orders SET source = 2, text = $2, order_offset = 5 WHERE order_id = $1', [id, canonicalText(anOrder({ orderId: id, amount: 1 }))]);
      const applying = opened.applyBatch(batchOf([created(id)], { partition: 1 }));
      await sleep(100);
      await query('COMMIT');
      expect(changedOf(await applying)).toEqual([]);
      expect(shownIn(await opened.store.get(id))).toMatchObject({ amount: 1, status: 'failed' });
    });

    test('then a row that another one writes first is looked at again, and nothing of it is lost', async () => {
      const opened = await open();
      const { query } = await admin();
      await query('BEGIN');
      await query('INSERT INTO orders (order_id, payment_id, paid_at, payment_partition, payment_offset) VALUES ($1, $1, $2, 0, 3)', [id, paid().at]);
      const applying = opened.applyBatch(batchOf([created(id)]));
      await sleep(100);
      await query('COMMIT');
      expect(changedOf(await applying)).toEqual(['0001 completed 0']);
      expect(shownIn(await opened.store.get(id))).toMatchObject({ status: 'completed', paymentId: id });
    });

    test('then a claim of one of its orders is replaced by the log or joined by it, never lost', async () => {
      const [one, other] = [await open(), await open()];
      for (let from = 0; from < 30; from += 1) {
        const orderId = orderIdOf(from);
        await Promise.all([
          one.applyBatch(batchOf([created(orderId)], { from })),
          other.store.claim(orderId, created(orderId).order),
        ]);
      }
      expect(await one.store.counts()).toEqual({ pending: 30, completed: 0, failed: 0 });
    });
  });

  test('When a connection is ended amidst a batch, then the batch is applied all the same, and once', async () => {
    const opened = await open();
    const { query } = await admin();
    await query('BEGIN');
    await query('SELECT FROM projection_offsets FOR UPDATE');
    const applying = opened.applyBatch(batchOf([created(id)]));
    await sleep(100);
    expect(await query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'service-a writer' AND datname = current_database()"))
      .toHaveLength(1);
    await query('COMMIT');
    expect(changedOf(await applying)).toEqual(['0001 pending 0']);
    expect(await opened.store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
  });

  test('When all of its connections are ended while it rests, then the next question is answered', async () => {
    const opened = await open();
    const { query } = await admin();
    await opened.store.get(id);
    await query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    expect(changedOf(await opened.applyBatch(batchOf([created(id)])))).toEqual(['0001 pending 0']);
    expect(await opened.store.get(id)).toBeDefined();
  });

  describe('When reading of a partition starts', () => {
    test('then it begins at the start of the log the first time, and later where the tables are', async () => {
      const { applyBatch, startPartition } = await stores.open(url);
      const start = { topic: topics.orders, partition: 0, low: '40', high: '90' };
      expect(await startPartition(start)).toBe('40');
      await applyBatch(batchOf([created(id)], { from: 40 }));
      expect(await startPartition(start)).toBe('41');
    });

    test('then a log that was cut behind the position is a jump that is counted and logged', async () => {
      const jumps: unknown[] = [];
      const { logger, lines } = recordingLogger();
      const { startPartition } = await open({ logger, watch: { onJump: (...jump) => jumps.push(jump) } });
      expect(await startPartition({ topic: topics.orders, partition: 0, low: '100' })).toBe('100');
      expect(jumps).toEqual([['orders', 100n]]);
      expect(lines.filter(({ level }) => level === 'warn').map(({ message }) => message)).toEqual(['records were cut by retention before they were read']);
    });

    test('then a log that is shorter than what was read of it is read anew', async () => {
      const { applyBatch, startPartition } = await open();
      await applyBatch(batchOf([created(id)]));
      expect(await startPartition({ topic: topics.orders, partition: 0, low: '0', high: '0' })).toBe('0');
      expect(changedOf(await applyBatch(batchOf([created(orderIdOf(2))])))).toEqual(['0002 pending 0']);
    });
  });

  test('When many changes were noted, then the last 5,000 offsets of a partition are kept, and what is older is known to be gone', async () => {
    const { applyBatch } = await open();
    const { query } = await admin();
    for (let from = 0; from < 7_500; from += 500) await applyBatch(batchOf(ids(500, from).map((orderId) => created(orderId)), { from }));
    const [{ kept }, [position]] = [(await query('SELECT min("offset")::integer AS kept FROM order_changes'))[0] as { kept: number },
      await query("SELECT changes_from::integer AS kept FROM projection_offsets WHERE topic = 'orders'")];
    expect(kept).toBe(2_000);
    expect(position).toEqual({ kept });
  }, 30_000);
});
