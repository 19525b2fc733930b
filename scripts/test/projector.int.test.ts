import { resolve } from 'node:path';
import { createRandom } from '../drill/random';
import { startService, type Service } from '../drill/service';
import { createStage, type Stage } from '../drill/stage';
import { query, startScratchPostgres } from '../lib/postgres';
import { freePort } from '../lib/ports';
import { startChild, waitFor, type Child } from '../lib/process';

const TEST_MS = 180_000;

type Row = { order_id: string; status: string };

const SHOWN = `SELECT order_id, CASE WHEN payment_id IS NOT NULL THEN 'completed' WHEN failure IS NOT NULL THEN 'failed' ELSE 'pending' END AS status
  FROM orders WHERE source > 0 ORDER BY order_id`;

describe('The log in PostgreSQL, on a real broker', () => {
  let database: Awaited<ReturnType<typeof startScratchPostgres>>;
  let stage: Stage;
  const replicas: Service[] = [];

  const rows = async (): Promise<Row[]> => await query(database.postgres.url, SHOWN) as Row[];
  const next = async (): Promise<number> => {
    const [row] = await query(database.postgres.url, 'SELECT sum(next_offset)::int AS next FROM projection_offsets');
    return Number(row?.['next']);
  };
  const ends = async (): Promise<number> => {
    let sum = 0;
    for (const topic of Object.values(stage.topics)) {
      for (const { high } of await stage.admin.fetchTopicOffsets(topic)) sum += Number(high);
    }
    return sum;
  };
  const caughtUp = (): Promise<void> =>
    waitFor('the tables to be at the end of the log', async () => await next() === await ends(), { timeoutMs: 30_000 });
  const settings = (): Record<string, string> => ({
    KAFKA_BROKERS: stage.brokers, KAFKA_GROUP_ID: stage.groups.a, DATABASE_URL: database.postgres.url, ORDERS_TOPIC: stage.topics.orders,
    PAYMENTS_TOPIC: stage.topics.payments, DLT_TOPIC: stage.topics.deadLetters, LOG_LEVEL: 'info',
  });
  const startRebuild = (lines: string[], env = {}): Child => startChild({
    command: process.execPath, args: ['dist/rebuild.js'], cwd: resolve(__dirname, '../../service-a'), log: (line) => void lines.push(line),
    env: { ...process.env, ...settings(), ...env },
  });
  const rebuild = async (): Promise<{ code: number | null; lines: string[] }> => {
    const lines: string[] = [];
    const { code } = await startRebuild(lines).exited;
    return { code, lines };
  };
  const addReplica = async (): Promise<Service> => {
    const replica = await startService('service-a', settings(), []);
    replicas.push(replica);
    await replica.untilReady();
    return replica;
  };
  /** Begins it, and waits until orders are accepted. */
  const underLoad = async (seconds: number): Promise<{ ended: Promise<void> }> => {
    const before = stage.load.accepted.size;
    const ended = stage.load.run({ seconds });
    await waitFor('the load', () => stage.load.accepted.size > before + 200);
    return { ended };
  };
  const group = async (): Promise<{ state: string; members: number }> => {
    const { groups: [described] } = await stage.admin.describeGroups([stage.groups.a]);
    return { state: described!.state, members: described!.members.length };
  };
  /** What the tables hold is what was accepted, once each, and the counts are those of the rows. */
  const expectFold = async (): Promise<void> => {
    await stage.settle();
    await caughtUp();
    const held = await rows();
    expect(held.map(({ order_id: orderId }) => orderId)).toEqual([...stage.load.accepted.keys()].sort());
    expect(held.filter(({ status }) => status === 'pending')).toEqual([]);
    expect(stage.load.violations).toEqual([]);
    await expectCounts(held);
  };
  const expectCounts = async (held: readonly Row[]): Promise<void> => {
    const counts = await query(database.postgres.url, 'SELECT status, sum(count)::int AS count FROM order_counts GROUP BY status');
    for (const status of ['completed', 'failed']) {
      expect(Number(counts.find((row) => row['status'] === status)?.['count'] ?? 0)).toBe(held.filter((row) => row.status === status).length);
    }
  };

  beforeAll(async () => {
    database = await startScratchPostgres();
    stage = await createStage({
      name: 'projector-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(11), perSecond: 100,
      env: { DATABASE_URL: database.postgres.url },
    });
    await stage.untilReady();
  });

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    for (const replica of replicas) replica.close();
    await stage.close();
    await database.remove();
  });

  it('When replicas come and go under load, then every order is folded, and none twice', async () => {
    const load = stage.load.run({ seconds: 15 });
    const second = await addReplica();
    const third = await addReplica();
    await second.stop();
    await third.kill();
    await third.untilReady();
    await load;
    await expectFold();
    expect([stage.a, second, third].flatMap((replica) => replica.crashes())).toEqual([]);
  }, TEST_MS);

  it('When a replica is frozen beyond its session under load, then another goes on, and what the frozen one does afterwards changes nothing', async () => {
    const second = await addReplica();
    const load = await underLoad(20);
    const { members } = await group();
    second.signal('SIGSTOP');
    await waitFor('the others to go on', async () => {
      const now = await group();
      return now.state === 'Stable' && now.members === members - 1;
    });
    second.signal('SIGCONT');
    await load.ended;
    await expectFold();
    await second.untilReady();
    expect([...stage.a.crashes(), ...second.crashes()]).toEqual([]);
    await second.stop();
  }, TEST_MS);

  it('When the database is away for a while under load, then everything is right by itself afterwards', async () => {
    const load = await underLoad(15);
    const refused = stage.load.refused();
    await database.postgres.kill();
    await stage.a.untilNotReady();
    await waitFor('orders to be refused', () => stage.load.refused() > refused + 200);
    await database.postgres.start();
    await stage.a.untilReady();
    await load.ended;
    await expectFold();
    expect(stage.a.crashes()).toEqual([]);
  }, TEST_MS);

  it('When it is rebuilt under load, then the tables are those of the log, what the log no longer holds stays, and every look is right', async () => {
    await addReplica();
    // An order that retention has cut off, and an id that is taken for an order that never came.
    const [old, taken] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
    await query(database.postgres.url,
      `INSERT INTO orders (order_id, source, text, created_at, created_ms, order_partition, order_offset, failure, failure_partition, failure_offset)
       VALUES ('${old}', 2, '{}', '2020-01-01T00:00:00Z', 1577836800000, 0, -5, '{}', 0, -5)`,
      `INSERT INTO orders (order_id, source, text, created_at, created_ms, event_id, tries)
       VALUES ('${taken}', 0, '{}', '2020-01-01T00:00:00Z', 1577836800000, '${taken}', 1)`,
      'INSERT INTO order_counts VALUES (99, \'failed\', 1)',
      'UPDATE orders SET attempts = 7 WHERE order_id = (SELECT order_id FROM orders WHERE source = 2 AND order_offset >= 0 LIMIT 1)');
    const load = await underLoad(20);
    const both = await Promise.all([rebuild(), rebuild()]);
    // Whichever came first; its lines are shown where it fails.
    const [done, refused] = both.toSorted((one, other) => Number(one.code) - Number(other.code));
    expect(done!.code === 0 ? [] : done!.lines).toEqual([]);
    expect(refused).toEqual({ code: 1, lines: ['rebuild: another rebuild is running'] });
    await load.ended;
    await stage.settle();
    await caughtUp();
    const held = await rows();
    expect(held.map(({ order_id: orderId }) => orderId)).toEqual([old, ...stage.load.accepted.keys()].sort());
    expect(stage.load.violations).toEqual([]);
    expect(await query(database.postgres.url, `SELECT source FROM orders WHERE order_id = '${taken}'`)).toEqual([{ source: 0 }]);
    expect(await query(database.postgres.url, 'SELECT nspname FROM pg_namespace WHERE nspname LIKE \'orders\\_%\'')).toEqual([]);
    await expectCounts(held);
    expect([stage.a, ...replicas].flatMap((replica) => replica.crashes())).toEqual([]);
  }, TEST_MS);

  it('When a record can be read with the registry alone and that is away, then a rebuild says what it waits for', async () => {
    const producer = stage.kafka.producer();
    await producer.connect();
    await producer.send({ topic: stage.topics.orders, messages: [{ partition: 0, value: Buffer.from('000000000100', 'hex') }] });
    await producer.disconnect();
    const lines: string[] = [];
    const waiting = startRebuild(lines, { SCHEMA_REGISTRY_URL: `http://127.0.0.1:${await freePort()}` });
    await waitFor('the rebuild to say so', () => lines.some((line) => line.endsWith('one waits for its schema, and no schema registry answers')));
    expect(await waiting.stop(10_000)).toMatchObject({ code: 143 });
  }, TEST_MS);
});
