import { startTestPostgres } from '../../../scripts/test/test-postgres';
import { connect, createTransactions } from '../../src/rebuild/connections';
import { StoreUnavailableError } from '../../src/store/order-store';

const WAIT = { name: 'wait', text: 'SELECT pg_advisory_xact_lock($1)' };

describe('Transactions of a rebuild', () => {
  let postgres: Awaited<ReturnType<typeof startTestPostgres>>;
  let url: string;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    url = await postgres.newDatabase();
  });
  afterAll(() => postgres.stop());

  const on = async (count: number) => {
    const clients = await Promise.all(Array.from({ length: count }, () => connect(url, 'test')));
    const end = async (): Promise<void> => {
      for (const client of clients) await client.end();
    };
    return { ...createTransactions(clients), end };
  };
  /** Something that comes to its end when it is told to. */
  const held = () => {
    let free = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      free = resolve;
    });
    return { until, free };
  };

  test('When more come than there are connections, then one is under way on each, and the others follow', async () => {
    const { transact, end } = await on(2);
    let [now, most] = [0, 0];
    await Promise.all(Array.from({ length: 6 }, (_, lock) => transact(async (ask) => {
      most = Math.max(most, now += 1);
      await ask(WAIT, [lock]);
      now -= 1;
    })));
    expect(most).toBe(2);
    await end();
  });

  test('When the last thing is done, then nothing is under way, and what comes after it is refused', async () => {
    const { transact, finish, end } = await on(2);
    const { until, free } = held();
    const order: string[] = [];
    const slow = transact(async () => {
      await until;
      order.push('transaction');
    });
    const last = finish(async () => void order.push('last'));
    const late = transact(async () => void order.push('late'));
    free();
    await Promise.all([slow, last]);
    await expect(late).rejects.toThrow(StoreUnavailableError);
    expect(order).toEqual(['transaction', 'last']);
    await end();
  });

  test('When the last thing fails, then others go on', async () => {
    const { transact, finish, end } = await on(2);
    await expect(finish(() => Promise.reject(new Error('not yet')))).rejects.toThrow('not yet');
    expect(await transact(() => Promise.resolve('done'))).toBe('done');
    await end();
  });
});
