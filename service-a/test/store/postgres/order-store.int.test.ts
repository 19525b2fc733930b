import { startTestPostgres } from '../../../../scripts/test/test-postgres';
import type { OrderStore } from '../../../src/processors/order-store';
import type { PostgresStore } from '../../../src/store/postgres/types';
import type { TestRecord } from '../../support/log';
import { connectTo, createStores, topics } from '../../support/postgres';
import { describeOrderStore } from '../order-store-suite';

const TOPIC_OF = { created: topics.orders, paid: topics.payments, failed: topics.deadLetters };
const PARTITIONS = 3;
const TABLES = 'orders, projection_offsets, order_changes, order_counts';

type Emptied = OrderStore & { applyBatch: PostgresStore['applyBatch']; next: Map<string, bigint> };

describe('PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  const stores = createStores();
  const opened: { postgresStore: PostgresStore; admin: Awaited<ReturnType<typeof connectTo>> }[] = [];
  let created = 0;

  beforeAll(async () => {
    postgres = await startTestPostgres();
    // No test holds more than two at once.
    for (const _ of [0, 1]) {
      const url = await postgres.newDatabase();
      opened.push({ postgresStore: await stores.open(url), admin: await connectTo(url) });
    }
  });
  afterAll(async () => {
    await stores.stopAll();
    await Promise.all(opened.map(({ admin }) => admin.end()));
    await postgres.stop();
  });

  const create = async (): Promise<Emptied> => {
    const { postgresStore: { store, applyBatch, startPartition }, admin } = opened[(created += 1) % opened.length]!;
    await admin.query(`TRUNCATE ${TABLES}`);
    const next = new Map<string, bigint>();
    for (const topic of Object.values(topics)) {
      for (let partition = 0; partition < PARTITIONS; partition += 1) await startPartition({ topic, partition, low: '0' });
    }
    return { ...store, applyBatch, next };
  };

  /** Records of one partition that follow one another are a batch. */
  const read = async ({ applyBatch, next }: Emptied, records: readonly TestRecord[]): Promise<void> => {
    const batches: { topic: string; partition: number; records: TestRecord[] }[] = [];
    for (const record of records) {
      const [topic, { partition }] = [TOPIC_OF[record.fact.kind], record.position];
      const last = batches.at(-1);
      if (last?.topic === topic && last.partition === partition && last.records.length < 500) last.records.push(record);
      else batches.push({ topic, partition, records: [record] });
    }
    for (const { topic, partition, records: those } of batches) {
      const from = next.get(`${topic} ${partition}`) ?? 0n;
      const behind = BigInt(those.at(-1)!.position.offset) + 1n;
      const to = behind > from ? behind : from;
      next.set(`${topic} ${partition}`, to);
      const facts = those.map(({ fact, position }) => ({ offset: position.offset, fact }));
      const result = await applyBatch({ topic, partition, from: String(from), to: String(to), facts });
      expect(result.kind).toBe('applied');
    }
  };

  describeOrderStore('in PostgreSQL', { create, read, isBounded: false });
});
