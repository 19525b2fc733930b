import { checkInvariants, redriveCountOf } from '../drill/invariants';
import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

type Item = { position: string; orderId: string | null; errorType: string | null; redriveCount: number; state: string };
type Type = { errorType: string | null; count: number; putBack: number; paid: number };
type Page = { items: Item[]; next: string | null; total: number; types: Type[]; complete: boolean; indexed: number; left: number };
type Redrive = {
  id: string; state: string; putBack: number; paid: number; failedAgain: number; pending: number; error: string | null;
};

describe('18 the operator\'s API on a real broker', () => {
  let stage: Stage;

  const ask = (path: string, init?: RequestInit) => fetch(`${stage.b.url}${path}`, init);
  const get = async <T>(path: string): Promise<T> => (await ask(path)).json() as Promise<T>;
  const page = (query = ''): Promise<Page> => get<Page>(`/dead-letters?limit=200${query}`);
  const complete = async (): Promise<Page> => {
    let seen: Page | undefined;
    await waitFor('the index to be complete', async () => (seen = await page()).complete);
    return seen!;
  };
  const post = (body: object) =>
    ask('/dead-letters/redrives', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const ended = async (id: string): Promise<Redrive> => {
    let redrive: Redrive | undefined;
    await waitFor('the redrive to end and its outcomes to be known', async () => {
      redrive = await get<Redrive>(`/dead-letters/redrives/${id}`);
      return redrive.state !== 'running' && redrive.pending === 0;
    });
    return redrive!;
  };
  /** Positions of which a record of `orders` says that it was put back from there. */
  const putBack = async (): Promise<number> =>
    (await readTopic(stage.reach, stage.topics.orders)).filter((record) => redriveCountOf(record) > 0).length;

  beforeAll(async () => {
    stage = await createStage({
      name: 'operator-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(18), perSecond: 300,
      env: { PAYMENT_SUCCESS_RATE: '0.5', OPERATOR_PAGE: 'on' },
    });
    await stage.untilReady();
    await stage.load.run({ seconds: 2, orders: 200 });
    await stage.settle();
  });

  afterAll(async () => {
    await stage.close();
  });

  it('When the list is asked for, then it is the whole of the topic, newest first, within a second', async () => {
    const records = await readTopic(stage.reach, stage.topics.deadLetters);
    const startedAt = performance.now();
    const first = await page();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(first.items.length).toBeGreaterThan(0);
    const { items, total, types } = await complete();
    expect(items.map(({ position }) => position).sort()).toEqual(records.map(({ partition, offset }) => `${partition}:${offset}`).sort());
    expect(total).toBe(records.length);
    expect(types.reduce((sum, { count }) => sum + count, 0)).toBe(records.length);
    expect(items.every(({ state }) => state === 'open')).toBe(true);
  });

  it('When one is asked for, then it is there in full', async () => {
    const { items: [item] } = await complete();
    const detail = await get<Record<string, unknown>>(`/dead-letters/${item!.position.replace(':', '/')}`);
    expect(detail).toMatchObject({ ...item, originalTopic: stage.topics.orders, value: { encoding: 'json' }, errorStack: expect.any(String) as string });
    expect((detail['value'] as { pretty: string }).pretty).toContain(`"orderId": "${item!.orderId}"`);
    expect((await ask('/dead-letters/0/999999')).status).toBe(404);
  });

  it('When a redrive is tried, then it tells what would happen and nothing does', async () => {
    const { items: [item], total } = await complete();
    expect(await (await post({ filter: {}, dryRun: true })).json()).toEqual({ chosen: total, toPutBack: total, skipped: [] });
    expect(await (await post({ position: item!.position, dryRun: true })).json()).toEqual({ chosen: 1, toPutBack: 1, skipped: [] });
    expect((await post({ position: '0:999999', dryRun: true })).status).toBe(404);
    expect(await putBack()).toBe(0);
  });

  it('When one is stopped, then what was sent stays, and another one goes on from there', async () => {
    const answer = await post({ filter: {}, rate: 20, dryRun: false });
    expect(answer.status).toBe(202);
    const { id } = await answer.json() as Redrive;
    expect(answer.headers.get('location')).toBe(`/dead-letters/redrives/${id}`);
    await waitFor('the first ones', async () => (await get<Redrive>(`/dead-letters/redrives/${id}`)).putBack > 0);
    const second = await post({ filter: {}, dryRun: false });
    expect([second.status, (await second.json() as { redrive: string }).redrive]).toEqual([409, id]);
    expect((await ask(`/dead-letters/redrives/${id}`, { method: 'DELETE' })).status).toBe(202);
    const stopped = await ended(id);
    expect(stopped).toMatchObject({ state: 'stopped', error: null, putBack: await putBack() });
    expect(stopped.paid + stopped.failedAgain).toBe(stopped.putBack);
  });

  it('When a filter is put back from two pages and the command at once, then nobody pays twice and each letter is put back once', async () => {
    await stage.addMember().then((member) => member.untilReady());
    const other = stage.members[1]!;
    const before = await complete();
    const body = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ filter: {}, dryRun: false }) };
    const [one, two, command] = await Promise.all([
      ask('/dead-letters/redrives', body), fetch(`${other.url}/dead-letters/redrives`, body), stage.dlt(['redrive', '--all', '--yes']).ended,
    ]);
    expect([one.status, two.status, command.code]).toEqual([202, 202, 0]);
    const redrive = await ended((await one.json() as Redrive).id);
    expect(redrive).toMatchObject({ state: 'done', error: null });
    await stage.settle();
    expect(before.total).toBeGreaterThan(0);
    expect((await checkInvariants(stage)).violations).toEqual([]);
  });

  it('When everything has ended, then the states are those of the topics', async () => {
    const paid = new Set((await readTopic(stage.reach, stage.topics.payments)).map(({ key }) => String(key)));
    await waitFor('the states', async () => {
      const { items, complete: whole } = await page();
      return whole && items.every(({ orderId, state }) => (state === 'paid') === paid.has(String(orderId)));
    });
    const { types } = await page();
    expect(types.reduce((sum, { paid: count }) => sum + count, 0)).toBeGreaterThan(30);
  });

  it('When it stops in the middle of a redrive, then it ends in order', async () => {
    const { id } = await (await post({ filter: {}, rate: 1, dryRun: false })).json() as Redrive;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const { code } = await stage.b.stop();
    expect(code).toBe(0);
    stage.b.start();
    await stage.b.untilReady();
    expect((await ask(`/dead-letters/redrives/${id}`)).status).toBe(404);
  });
});
