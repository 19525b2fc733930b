import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { created, orderIdOf, paid } from '../../support/builders';
import { eventually } from '../../support/fakes';
import { batchOf, connectTo, createStores, topics } from '../../support/postgres';

const id = orderIdOf(1);

describe('Changes in PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let url: string;
  const stores = createStores();
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  beforeEach(async () => {
    url = await postgres.newDatabase();
  });
  afterEach(stores.stopAll);
  afterAll(() => postgres.stop());

  const open = async (options: Parameters<typeof stores.open>[1] = {}) => {
    const opened = await stores.open(url, options);
    for (const topic of Object.values(topics)) await opened.startPartition({ topic, partition: 0, low: '0' });
    await eventually(() => opened.changes.position() !== '');
    const heard: string[] = [];
    opened.changes.onChange((orderId, status) => heard.push(`${orderId.slice(-1)} ${status}`));
    return { ...opened, heard };
  };

  test('When one replica applies a batch, then every replica tells of it soon, and then stands behind it', async () => {
    const [one, other] = [await open(), await open()];
    await one.applyBatch(batchOf([created(id), created(orderIdOf(2))]));
    await eventually(() => [one, other].every(({ heard }) => heard.length === 2), 600);
    expect([one, other].map(({ heard, changes }) => [heard, changes.position()])).toEqual(Array(2).fill([['1 pending', '2 pending'], '2-0-0']));
    await other.applyBatch(batchOf([paid(id)], { topic: topics.payments }));
    await eventually(() => [one, other].every(({ changes }) => changes.position() === '2-1-0'));
    expect(one.heard.at(-1)).toBe('1 completed');
  });

  test('When notifications are not heard, then a look at the tables tells all the same', async () => {
    const { heard, applyBatch } = await open();
    const admin = await connectTo(url);
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'service-a changes'");
    await applyBatch(batchOf([created(id)]));
    await eventually(() => heard.length === 1, 3_000);
    // It listens again after a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await applyBatch(batchOf([created(orderIdOf(2))], { from: 1 }));
    await eventually(() => heard.length === 2, 500);
    await admin.end();
  });

  test('When nobody wants to hear, then the position goes on, and what changes later is told', async () => {
    let wanted = false;
    const { heard, changes, applyBatch } = await open({ wanted: () => wanted });
    await applyBatch(batchOf([created(id)]));
    await eventually(() => changes.position() === '1-0-0', 3_000);
    wanted = true;
    await applyBatch(batchOf([paid(id)], { topic: topics.payments }));
    await eventually(() => changes.position() === '1-1-0');
    expect(heard).toEqual(['1 completed']);
  });

  test('When one comes back with a position of another replica, then it hears what changed since, by any of them', async () => {
    const [one, other] = [await open(), await open({ wanted: () => false })];
    await one.applyBatch(batchOf([created(id)]));
    await one.applyBatch(batchOf([created(orderIdOf(2))], { from: 1 }));
    await one.applyBatch(batchOf([paid(id)], { topic: topics.payments }));
    expect([...await other.changes.since('2-0-0') ?? []]).toEqual([id]);
    expect([...await other.changes.since('1-1-0') ?? []]).toEqual([orderIdOf(2)]);
    expect([...await other.changes.since('2-1-0') ?? []]).toEqual([]);
    expect(new Set(await other.changes.since('0-0-0'))).toEqual(new Set([id, orderIdOf(2)]));
  });

  test.each(['', '1-0', '1.0-0-0', '3-0-0', 'x', '-1-0-0'])('When the position is %j, which is none of this log, then nothing can be told', async (position) => {
    const { changes, applyBatch } = await open();
    await applyBatch(batchOf([created(id)]));
    expect(await changes.since(position)).toBeUndefined();
  });

  test('When the position is too long ago, then nothing can be told; and those who were told of each hear of a gap', async () => {
    let wanted = false;
    const { changes, applyBatch, heard } = await open({ wanted: () => wanted });
    let gaps = 0;
    changes.onGap(() => gaps += 1);
    wanted = true;
    for (let from = 0; from < 8_000; from += 4_000) {
      await applyBatch({ ...batchOf([created(orderIdOf(from))], { from }), to: String(from + 4_000) });
    }
    expect(await changes.since('0-0-0')).toBeUndefined();
    expect(await changes.since('4000-0-0')).toBeDefined();
    const admin = await connectTo(url);
    await admin.query("UPDATE projection_offsets SET next_offset = 90000, changes_from = 80000 WHERE topic = 'orders'");
    await eventually(() => gaps === 1, 3_000);
    expect(heard.length).toBeGreaterThan(0);
    await admin.end();
  });
});
