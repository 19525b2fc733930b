import { createExpressServer } from '../../src/utils/server';
import { anOrder, created, orderIdOf, paid } from '../support/builders';
import { eventually } from '../support/fakes';
import { anApp } from '../support/http';
import { answersIn, closeAll, listening, rawClient } from '../support/raw';

const get = (path: string, ...headers: string[]): string => [`GET ${path} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n');
const waiting = (number = 0): string => get(`/orders/${orderIdOf(number)}`, 'Prefer: wait=30');
const post = (number: number): string => {
  const body = JSON.stringify(anOrder({ orderId: orderIdOf(number) }));
  return `POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};
const theEvents = get(`/orders/${orderIdOf(0)}/events`);
const allEvents = get('/orders/events');

const aServer = async () => {
  const it = anApp();
  it.tell(created());
  it.tell(created(orderIdOf(1)));
  return { ...it, port: await listening(createExpressServer(it.app)) };
};

afterEach(closeAll);

describe('12.16 requests that are queued on one connection', () => {
  test.each([
    ['streams', allEvents, allEvents], ['streams of an order', allEvents, theEvents], ['clients that wait', allEvents, waiting()],
    ['streams behind one that waits', waiting(), allEvents], ['those who wait behind one another', waiting(), waiting(1)],
    ['streams behind an answer', get('/health'), allEvents],
  ])('When %s are queued on connections that go away, then nothing of them is left', async (_case, first, others) => {
    const { port, streams, waiters } = await aServer();
    const clients = await Promise.all(Array.from({ length: 10 }, () => rawClient(port)));
    clients.forEach(({ send }) => send(first, ...Array<string>(20).fill(others)));
    await eventually(() => streams.size() + waiters.size() >= 10);
    clients.forEach(({ socket }) => socket.destroy());
    await eventually(() => streams.size() === 0 && waiters.size() === 0);
  });

  test('When a client closes its half while it waits or listens, then nobody waits any longer', async () => {
    const { port, streams, waiters } = await aServer();
    const clients = await Promise.all([rawClient(port), rawClient(port)]);
    clients.forEach(({ send }, i) => send([waiting(), allEvents][i]!, allEvents, waiting()));
    await eventually(() => streams.size() + waiters.size() >= 2);
    clients.forEach(({ socket }) => socket.end());
    await eventually(() => streams.size() === 0 && waiters.size() === 0);
  });

  test('When hundreds of requests are queued on one connection, then Node warns of no leak of listeners', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    const { port, streams, waiters } = await aServer();
    const client = await rawClient(port);
    client.send(...Array<string>(300).fill(waiting() + theEvents));
    await eventually(() => streams.size() + waiters.size() > 0);
    client.socket.destroy();
    await eventually(() => streams.size() === 0 && waiters.size() === 0);
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

describe('12.16 a connection', () => {
  test('When a stream is queued, then it takes no place and holds no events until it is its turn', async () => {
    const { port, streams, waiters, tell } = await aServer();
    const client = await rawClient(port);
    client.send(waiting(), ...Array<string>(20).fill(allEvents));
    await eventually(() => waiters.size() === 1);
    const other = await rawClient(port);
    other.send(get('/health'));
    await other.until('healthy');
    expect(streams.size()).toBe(0);
    tell(paid());
    await client.until('event: sync');
    expect(streams.size()).toBe(1);
  });

  test('When many are sent ahead, then each is answered, in their order', async () => {
    const { port } = await aServer();
    const client = await rawClient(port);
    client.send(...Array.from({ length: 3_000 }, (_, i) => get(i % 2 === 0 ? '/health' : '/nothing')));
    client.send(get('/ready', 'Connection: close'));
    const statuses = answersIn(await client.end(10_000)).map(({ status }) => status);
    expect(statuses).toEqual([...Array.from({ length: 3_000 }, (_, i) => (i % 2 === 0 ? 200 : 404)), 200]);
  }, 15_000);

  test('When orders are posted ahead, then they are placed in their order, and what is behind them is answered', async () => {
    const { port, published } = await aServer();
    const client = await rawClient(port);
    client.send(...Array.from({ length: 200 }, (_, i) => post(10 + i)), get(`/orders/${orderIdOf(209)}`, 'Connection: close'));
    const answers = answersIn(await client.end());
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(200).fill(202), 200]);
    expect(published.map(({ data }) => data.orderId)).toEqual(Array.from({ length: 200 }, (_, i) => orderIdOf(10 + i)));
  });

  test('When two hundred thousand wait behind one, then they are not read', async () => {
    const { port, waiters } = await aServer();
    const client = await rawClient(port);
    const text = waiting(1).repeat(1_000);
    client.send(waiting());
    for (let i = 0; i < 200; i += 1) client.send(text);
    await eventually(() => waiters.size() === 1);
    const other = await rawClient(port);
    for (let i = 0; i < 20; i += 1) {
      other.send(get('/health'));
      await other.until('healthy');
    }
    expect(waiters.size()).toBe(1);
    // What the kernel does not take stays here.
    expect(client.socket.writableLength).toBeGreaterThan(0);
    client.socket.destroy();
  });

  test('When a request to listen or to wait has a body that nobody reads, then its end is noticed all the same', async () => {
    const { port, streams, waiters } = await aServer();
    const clients = await Promise.all([rawClient(port), rawClient(port)]);
    clients.forEach(({ send }, i) => {
      const head = i === 0 ? get('/orders/events', 'Content-Length: 1000000') : get(`/orders/${orderIdOf(0)}`, 'Prefer: wait=30', 'Content-Length: 1000000');
      send(head, 'x'.repeat(300_000));
    });
    await eventually(() => streams.size() === 1 && waiters.size() === 1);
    clients.forEach(({ socket }) => socket.destroy());
    await eventually(() => streams.size() === 0 && waiters.size() === 0);
  });
});
