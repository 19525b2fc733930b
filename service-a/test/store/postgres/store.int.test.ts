import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { query, startScratchPostgres } from '../../../../scripts/lib/postgres';
import { StoreUnavailableError } from '../../../src/processors/order-store';
import { created, orderIdOf, paid } from '../../support/builders';
import { eventually } from '../../support/fakes';
import { batchOf, createStores, topics } from '../../support/postgres';

const id = orderIdOf(1);

describe('A store whose database goes away', () => {
  let scratch: Awaited<ReturnType<typeof startScratchPostgres>>;
  let url: string;
  let count = 0;
  const stores = createStores();
  beforeAll(async () => {
    scratch = await startScratchPostgres();
  });
  beforeEach(async () => {
    url = await scratch.postgres.createDatabase(`away_${count += 1}`);
  });
  afterEach(async () => {
    await scratch.postgres.resume();
    await scratch.postgres.start();
    await stores.stopAll();
  });
  afterAll(() => scratch.remove());

  const open = async () => {
    const opened = await stores.open(url);
    for (const topic of Object.values(topics)) await opened.startPartition({ topic, partition: 0, low: '0' });
    return opened;
  };

  /** Every question of the port. */
  const asked = ({ store, changes, applyBatch }: Awaited<ReturnType<typeof open>>): Promise<unknown>[] => [
    store.claim(id, created(id).order), store.acknowledge(id, { partition: 0, offset: '0' }), store.release(id), store.get(id),
    store.getMany([id]), store.counts(), store.newestFirst()[Symbol.asyncIterator]().next(), changes.since('0-0-0'), applyBatch(batchOf([])),
  ];

  test('When it is not up at the start, then it is waited for', async () => {
    await scratch.postgres.stop();
    const opening = open();
    await scratch.postgres.start();
    const { healthy, store } = await opening;
    expect(healthy()).toBe(true);
    expect(await store.counts()).toEqual({ pending: 0, completed: 0, failed: 0 });
  });

  test('When it crashes, then every question is answered with what it is, and after it is back with what was acknowledged', async () => {
    const opened = await open();
    await opened.store.claim(id, created(id).order);
    await opened.store.acknowledge(id, { partition: 0, offset: '0' });
    const batches = Array.from({ length: 20 }, (_, from) => batchOf([created(orderIdOf(100 + from))], { from }));
    for (const batch of batches) await opened.applyBatch(batch);
    await scratch.postgres.kill();
    const faults = await Promise.all(asked(opened).map((question) => question.catch((error: unknown) => error)));
    for (const fault of faults) {
      expect(fault).toBeInstanceOf(StoreUnavailableError);
      expect((fault as Error).message).not.toMatch(/127\.0\.0\.1|postgres:/);
    }
    await eventually(() => !opened.healthy(), 8_000);
    await scratch.postgres.start();
    await eventually(() => opened.healthy(), 8_000);
    expect((await opened.store.get(id))?.order?.text).toBe(created(id).order);
    // What was shown before the crash is shown after it.
    expect(await opened.store.get(orderIdOf(119))).toBeDefined();
  }, 40_000);

  test('When it is a standby, which may be behind, then nothing is asked of it until it is promoted', async () => {
    const opened = await open();
    await opened.applyBatch(batchOf([created(id)]));
    await scratch.postgres.stop();
    const mark = join(scratch.postgres.dataDir, 'data', 'standby.signal');
    await writeFile(mark, '');
    await chmod(mark, 0o666);
    await scratch.postgres.start();
    const answers = await Promise.allSettled(asked(opened));
    expect(answers.map((answer) => answer.status === 'rejected' && answer.reason instanceof StoreUnavailableError)).toEqual(answers.map(() => true));
    await eventually(() => !opened.healthy(), 8_000);
    await query(url, 'SELECT pg_promote()');
    expect(await opened.store.get(id)).toBeDefined();
    await opened.applyBatch(batchOf([paid(id)], { topic: topics.payments }));
    await eventually(opened.healthy);
  }, 30_000);

  test('When it is frozen, then questions are not waited for without end, and the store goes on when it is back', async () => {
    const opened = await open();
    await opened.store.get(id);
    await scratch.postgres.pause();
    const startedAt = performance.now();
    const faults = await Promise.all(asked(opened).slice(0, 8).map((question) => question.catch((error: unknown) => error)));
    expect(faults.every((fault) => fault instanceof StoreUnavailableError)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    await eventually(() => !opened.healthy(), 8_000);
    await scratch.postgres.resume();
    await eventually(() => opened.healthy(), 8_000);
    expect((await opened.store.claim(orderIdOf(5), created(orderIdOf(5)).order)).kind).toBe('taken');
  }, 40_000);
});
