import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import { canonicalText } from '../../../src/processors/order';
import { StoreUnavailableError, type Claimed } from '../../../src/processors/order-store';
import { viewOf } from '../../../src/processors/view';
import { createClaims } from '../../../src/store/postgres/claims';
import { createPool } from '../../../src/store/postgres/pool';
import { anOrder, created, failed, orderIdOf, paid } from '../../support/builders';
import { recordingLogger } from '../../support/fakes';
import { batchOf, connectTo, createStores, topics } from '../../support/postgres';

const id = orderIdOf(1);
const text = canonicalText(anOrder({ orderId: id }));
const another = canonicalText(anOrder({ orderId: id, amount: 1 }));
const eventOf = (claimed: Claimed) => (claimed.kind === 'taken' ? `${claimed.eventId} ${claimed.timestamp}` : claimed.kind);

describe('Claims in PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  const stores = createStores();
  let url: string;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  beforeEach(async () => {
    url = await postgres.newDatabase();
  });
  afterEach(stores.stopAll);
  afterAll(() => postgres.stop());

  const openTwo = async () => Promise.all([stores.open(url), stores.open(url)]);
  const start = async ({ startPartition }: Awaited<ReturnType<typeof stores.open>>) => {
    for (const topic of Object.values(topics)) await startPartition({ topic, partition: 0, low: '0' });
  };

  test('When two replicas claim one id for two orders, then one has it and the other is a conflict, every time', async () => {
    const [one, other] = await openTwo();
    for (let round = 0; round < 50; round += 1) {
      const orderId = orderIdOf(round);
      const claims = await Promise.all([one.store.claim(orderId, text), other.store.claim(orderId, another)]);
      expect(claims.map(({ kind }) => kind).sort()).toEqual(['conflict', 'taken']);
    }
  });

  test('When two replicas claim one id for the same order, then both have the same event', async () => {
    const [one, other] = await openTwo();
    for (let round = 0; round < 20; round += 1) {
      const claims = await Promise.all([one, other].map(({ store }) => store.claim(orderIdOf(round), text)));
      expect(claims[0]).toEqual(claims[1]);
      expect(claims[0]?.kind).toBe('taken');
    }
  });

  test('When one id comes many times in one batch, then each has its answer', async () => {
    const { store } = await stores.open(url);
    const claims = await Promise.all([text, text, another, text, another].map((one) => store.claim(id, one)));
    expect(claims.map(eventOf)).toEqual([eventOf(claims[0]!), eventOf(claims[0]!), 'conflict', eventOf(claims[0]!), 'conflict']);
  });

  test('When an id is only taken, then it is not shown, listed or counted', async () => {
    const { store } = await stores.open(url);
    await store.claim(id, text);
    expect(await store.get(id)).toBeUndefined();
    expect((await store.getMany([id])).size).toBe(0);
    expect((await store.newestFirst()[Symbol.asyncIterator]().next()).done).toBe(true);
    expect(await store.counts()).toEqual({ pending: 0, completed: 0, failed: 0 });
  });

  test('When it is acknowledged, then every replica shows it at once, counted once however often it is acknowledged', async () => {
    const [one, other] = await openTwo();
    const claimed = await one.store.claim(id, text);
    const position = { partition: 0, offset: '9007199254740993' };
    const entries = await Promise.all([one.store.acknowledge(id, position), one.store.acknowledge(id, position)]);
    expect(entries[0]).toEqual(entries[1]);
    expect(await other.store.get(id)).toEqual(entries[0]);
    expect(entries[0]?.order).toMatchObject({ text, source: 'log', position, createdAt: claimed.kind === 'taken' && claimed.timestamp });
    expect(await other.store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
    expect(await other.store.claim(id, text)).toEqual({ kind: 'known', status: 'pending' });
    expect(await other.store.claim(id, another)).toEqual({ kind: 'conflict' });
  });

  test('When there is nothing to acknowledge, then nobody may say that it is shown', async () => {
    const { store } = await stores.open(url);
    await expect(store.acknowledge(id, { partition: 0, offset: '1' })).rejects.toThrow(StoreUnavailableError);
  });

  test('When the one try left nothing, then the id is free for another order', async () => {
    const { store } = await stores.open(url);
    await store.claim(id, text);
    await store.release(id);
    expect((await store.claim(id, another)).kind).toBe('taken');
  });

  test('When an earlier try may be on the broker, then the id stays taken', async () => {
    const [one, other] = await openTwo();
    const first = await one.store.claim(id, text);
    await other.store.claim(id, text);
    await other.store.release(id);
    expect(await one.store.claim(id, another)).toEqual({ kind: 'conflict' });
    expect(await one.store.claim(id, text)).toEqual(first);
  });

  test('When the answer to a claim was lost and it is asked for again, then that is no further try', async () => {
    await stores.open(url);
    const pool = createPool({ url, name: 'test', size: 1, statementMs: 1_000, lockMs: 1_000, logger: recordingLogger().logger });
    const { claim, release } = createClaims({
      ask: async (...question) => {
        if (question[0].name === 'claim') await pool.ask(...question);
        return pool.ask(...question);
      },
    });
    expect((await claim(id, text)).kind).toBe('taken');
    await release(id);
    expect((await claim(id, another)).kind).toBe('taken');
    await pool.end();
  });

  test('When an order that is shown is released, then it stays', async () => {
    const { store } = await stores.open(url);
    await store.claim(id, text);
    await store.acknowledge(id, { partition: 0, offset: '1' });
    await store.release(id);
    expect((await store.get(id))?.order?.text).toBe(text);
  });

  test('When only its payment is known, then the id can be taken, and a release leaves the payment', async () => {
    const opened = await stores.open(url);
    const { store, applyBatch } = opened;
    await start(opened);
    await applyBatch(batchOf([paid(id)], { topic: topics.payments }));
    expect((await store.claim(id, text)).kind).toBe('taken');
    await store.release(id);
    expect(await store.get(id)).toMatchObject({ order: undefined, payment: { position: { offset: '0' } } });
    await store.claim(id, another);
    const entry = await store.acknowledge(id, { partition: 0, offset: '3' });
    expect(JSON.parse(viewOf(entry!)!)).toMatchObject({ status: 'completed', amount: 1 });
    expect(await store.counts()).toEqual({ pending: 0, completed: 1, failed: 0 });
  });

  test('When the log shows another order than the one that was claimed, then the log is right, and the claim is a conflict', async () => {
    const opened = await stores.open(url);
    await start(opened);
    await opened.store.claim(id, text);
    await opened.applyBatch(batchOf([created(id, { order: another })]));
    expect((await opened.store.acknowledge(id, { partition: 0, offset: '5' }))?.order).toMatchObject({ text: another, position: { offset: '0' } });
    expect(await opened.store.claim(id, text)).toEqual({ kind: 'conflict' });
    expect(await opened.store.counts()).toEqual({ pending: 1, completed: 0, failed: 0 });
  });

  test('When its dead letter came before the acknowledgement, then the order is shown as failed and counted once', async () => {
    const opened = await stores.open(url);
    await start(opened);
    await opened.store.claim(id, text);
    await opened.applyBatch(batchOf([failed(id)], { topic: topics.deadLetters }));
    const entry = await opened.store.acknowledge(id, { partition: 0, offset: '0' });
    expect(entry?.order?.source).toBe('dead-letter');
    expect(await opened.store.counts()).toEqual({ pending: 0, completed: 0, failed: 1 });
    expect(await opened.store.claim(id, text)).toEqual({ kind: 'known', status: 'failed' });
  });

  test('When texts hold what a database stumbles over, then they come back as they were', async () => {
    const { store } = await stores.open(url);
    const odd = canonicalText(anOrder({ orderId: id, userId: 'a\u0000{"\\,}\ud800\u{1F600}' }));
    await store.claim(id, odd);
    expect((await store.acknowledge(id, { partition: 2, offset: '0' }))?.order?.text).toBe(odd);
    expect((await store.claim(id, odd)).kind).toBe('known');
  });

  test('When many ids are claimed and acknowledged at once by two replicas, then none waits for another in a circle', async () => {
    const replicas = await openTwo();
    const ids = Array.from({ length: 600 }, (_, number) => orderIdOf(number));
    await Promise.all(replicas.flatMap(({ store }, replica) => (replica === 0 ? ids : ids.toReversed()).map(async (orderId, number) => {
      await store.claim(orderId, text);
      await store.acknowledge(orderId, { partition: 0, offset: String(number) });
    })));
    const admin = await connectTo(url);
    expect(await admin.query('SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()')).toEqual([{ deadlocks: 0 }]);
    await admin.end();
    expect(await replicas[0].store.counts()).toEqual({ pending: 600, completed: 0, failed: 0 });
  });
});
