import { createRandom } from '../drill/random';
import { createStage, type Stage } from '../drill/stage';
import { openEventStream } from '../lib/event-stream';
import { waitFor } from '../lib/process';

type View = { orderId: string; status: string; attempts: number; failure?: { type: string } };

/** Orders whose fate the simulated gateway knows beforehand, under the default settings. */
const approved = '550e8400-e29b-41d4-a716-446655440000';
const declined = '550e8400-e29b-41d4-a716-446655440002';
const slowToFail = '550e8400-e29b-41d4-a716-446655440446';

const anOrder = (orderId: string) => ({
  orderId, userId: 'user-123', amount: 99.99, currency: 'USD', items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
});

describe('Clients that wait, on a real broker', () => {
  let stage: Stage;

  const post = (orderId: string): Promise<{ status: number }> => stage.load.client.send('POST', '/orders', JSON.stringify(anOrder(orderId)));
  const get = async (orderId: string): Promise<View> => JSON.parse((await stage.load.client.send('GET', `/orders/${orderId}`)).body) as View;
  const waitingGet = async (orderId: string, seconds: number): Promise<{ view: View; applied: string | null }> => {
    const response = await fetch(`${stage.a.url}/orders/${orderId}`, { headers: { Prefer: `wait=${seconds}` } });
    return { view: await response.json() as View, applied: response.headers.get('preference-applied') };
  };
  const ids = (count: number): string[] => Array.from({ length: count }, () => stage.random.uuid());
  /** Writes orders past service-a, as another producer does. */
  const produce = async (orderIds: string[], headers: Record<string, string> = {}): Promise<void> => {
    const producer = stage.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const messages = orderIds.map((orderId) => ({
      key: orderId, headers,
      value: JSON.stringify({ eventType: 'ORDER_CREATED', eventId: orderId, timestamp: new Date().toISOString(), data: anOrder(orderId) }),
    }));
    await producer.send({ topic: stage.topics.orders, messages });
    await producer.disconnect();
  };
  const listed = async (query = ''): Promise<Map<string, View>> => {
    const orders = new Map<string, View>();
    for (let cursor = ''; ;) {
      const { body } = await stage.load.client.send('GET', `/orders?limit=100${query}${cursor}`);
      const page = JSON.parse(body) as { orders: View[]; next?: string };
      for (const order of page.orders) orders.set(order.orderId, order);
      if (page.next === undefined) return orders;
      cursor = `&cursor=${page.next}`;
    }
  };

  beforeAll(async () => {
    stage = await createStage({ name: 'waiting-test', brokers: process.env.KAFKA_BROKERS!, random: createRandom(11), perSecond: 300 });
    await stage.untilReady();
  });

  afterAll(async () => {
    await stage.close();
  });

  it.each([
    ['approved', approved, 'completed'], ['declined', declined, 'failed'], ['retried to the end', slowToFail, 'failed'],
  ])('When an order that will be %s is waited for right after its POST, then one request tells its end', async (_what, orderId, status) => {
    await post(orderId);
    const { view, applied } = await waitingGet(orderId, 20);
    expect(view).toMatchObject({ orderId, status, attempts: 1 });
    expect(applied).toBe('wait=20');
  });

  it('When one listens to an order, then its way from pending to the end is told', async () => {
    const orderId = '550e8400-e29b-41d4-a716-446655440481';
    await post(orderId);
    const stream = await openEventStream(`${stage.a.url}/orders/${orderId}/events`);
    await stream.until('the end of the order', ({ data }) => data['status'] === 'failed');
    stream.close();
    expect(stream.events.map(({ event, data }) => [event, data['status']])).toEqual([['sync', undefined], ['order', 'pending'], ['order', 'failed']]);
    expect(stream.events.at(-1)?.data).toEqual(await get(orderId));
  });

  it('When a record says how often it was redriven, then the order shows its attempts', async () => {
    await produce([declined], { 'redrive-count': '2' });
    await waitFor('the attempts', async () => (await get(declined)).attempts === 3);
  });

  it('When many orders are placed, then a stream and the list tell of all of them what GET does', async () => {
    const stream = await openEventStream(`${stage.a.url}/orders/events`);
    const orderIds = ids(300);
    await Promise.all(orderIds.map(post));
    await waitFor('all ends', () => orderIds.every((orderId) => ![undefined, 'pending'].includes(stream.orders().get(orderId)?.['status'] as string)));
    const views = await Promise.all(orderIds.map(get));
    const list = await listed();
    expect(orderIds.map((orderId) => stream.orders().get(orderId))).toEqual(views);
    expect(orderIds.map((orderId) => list.get(orderId))).toEqual(views);
    const counts = Object.fromEntries(await Promise.all(['pending', 'completed', 'failed'].map(async (status) =>
      [status, (await listed(`&status=${status}`)).size] as const)));
    await stream.until('the counts of the list', ({ event, data }) => event === 'counts' && JSON.stringify(data) === JSON.stringify(counts));
    stream.close();
  });

  it('When service-a is killed and orders go on meanwhile, then a stream resumed with its last id misses none', async () => {
    const first = await openEventStream(`${stage.a.url}/orders/events`);
    const before = ids(100);
    await Promise.all(before.map(post));
    await waitFor('some events', () => first.orders().size > 20);
    await stage.a.kill();
    await waitFor('the end of the stream', first.ended);
    const meanwhile = ids(100);
    await produce(meanwhile);
    await stage.a.untilReady();
    const second = await openEventStream(`${stage.a.url}/orders/events`, first.lastId());
    await waitFor('all ends', () => [...before, ...meanwhile].every((orderId) => {
      const view = second.orders().get(orderId) ?? first.orders().get(orderId);
      return view !== undefined && view['status'] !== 'pending';
    }));
    second.close();
    expect(second.events[0]).toMatchObject({ event: 'sync', data: { resumed: true } });
    expect(await get(declined)).toMatchObject({ attempts: 3 });
  });

  it('When hundreds wait for orders while service-b is away, then all get theirs once it is back', async () => {
    await stage.b.stop();
    const orderIds = ids(500);
    await Promise.all(orderIds.map(post));
    const answers = Promise.all(orderIds.map((orderId) => waitingGet(orderId, 30)));
    stage.b.start();
    expect((await answers).filter(({ view }) => view.status === 'pending')).toEqual([]);
  });

  it('When a reader takes nothing, then it is cut off before the service holds much for it', async () => {
    const stuck = await openEventStream(`${stage.a.url}/orders/events`);
    stuck.stall();
    const orderIds = ids(400);
    // Large orders: kernel buffers take some MiB before anything waits in the service.
    const items = Array.from({ length: 500 }, () => ({ productId: 'p'.repeat(128), quantity: 1, price: 1 }));
    const large = async (orderId: string): Promise<unknown> => stage.load.client.send('POST', '/orders', JSON.stringify({ ...anOrder(orderId), items }));
    await waitFor('the cut', async () => {
      await Promise.all(orderIds.splice(0, 2).map(large));
      return stage.a.lines.some((line) => line.includes('event stream cut off'));
    }, { intervalMs: 60 });
  });

  it('When service-a gets SIGTERM, then who waits is answered, streams end, even a stuck one, and it exits 0 at once', async () => {
    await stage.b.stop();
    const [orderId = ''] = ids(1);
    await post(orderId);
    const answer = waitingGet(orderId, 30);
    const streams = await Promise.all([`/orders/${orderId}/events`, '/orders/events', '/orders/events'].map((path) => openEventStream(stage.a.url + path)));
    streams[2]!.stall();
    const { code, ms } = await stage.a.stop();
    expect((await answer).view.status).toBe('pending');
    await waitFor('the end of the streams', () => streams.slice(0, 2).every(({ ended }) => ended()));
    expect(code).toBe(0);
    expect(ms).toBeLessThan(3_000);
    streams[2]!.close();
  });
});
