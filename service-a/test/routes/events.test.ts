import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { created, orderIdOf, paid } from '../support/builders';
import { eventually } from '../support/fakes';
import { anApp } from '../support/http';

const theEvents = `/orders/${orderIdOf(0)}/events`;
const servers: Server[] = [];

/** Opens a stream and keeps what comes. */
const listen = async (it: ReturnType<typeof anApp>, path: string, headers: Record<string, string> = {}) => {
  const server = createServer(it.app).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const seen = { text: '', ended: false };
  const response = await new Promise<IncomingMessage>((resolve) => get({ host: '127.0.0.1', port, path, headers }, resolve));
  response.on('data', (chunk: Buffer) => void (seen.text += chunk.toString()));
  response.once('close', () => void (seen.ended = true));
  return { response, seen };
};

afterEach(() => {
  servers.splice(0).forEach((server) => {
    server.closeAllConnections();
    server.close();
  });
});

describe('GET /orders/events', () => {
  test('When it is asked for, then it is a stream of events that nobody keeps or holds back, with the headers of every answer', async () => {
    const { response, seen } = await listen(anApp(), '/orders/events');
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff', 'access-control-allow-origin': '*',
    });
    await eventually(() => seen.text.includes('counts'));
    expect(seen.text).toBe('retry: 1000\n\nevent: sync\nid: 0\ndata: {"resumed":false}\n\n'
      + 'event: counts\nid: 0\ndata: {"pending":0,"completed":0,"failed":0}\n\n');
  });

  test('When a reader comes back with the id of its last event, then it resumes', async () => {
    const { seen } = await listen(anApp(), '/orders/events', { 'Last-Event-ID': '0' });
    await eventually(() => seen.text.includes('{"resumed":true}'));
  });

  test('When orders change, then they are told as GET shows them', async () => {
    const it = anApp();
    const { seen } = await listen(it, '/orders/events');
    it.tell(created());
    await eventually(() => seen.text.includes('event: order'));
    const { text } = await request(it.app).get(`/orders/${orderIdOf(0)}`);
    expect(seen.text).toContain(`data: ${text}\n\n`);
  });

  test('When a reader leaves, then its place is free again', async () => {
    const it = anApp();
    const { response } = await listen(it, '/orders/events');
    const reader = { write: () => undefined, waiting: () => 0, end: () => undefined, cut: () => undefined };
    for (let i = 0; i < 999; i += 1) it.streams.open(reader, {});
    expect(it.streams.open(reader, {})).toBeUndefined();
    const full = await request(it.app).get('/orders/events');
    expect(full.status).toBe(503);
    expect(full.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    response.destroy();
    let close: (() => void) | undefined;
    await eventually(() => (close = it.streams.open(reader, {})) !== undefined);
    close?.();
  });

  test('When the service closes, then the stream ends', async () => {
    const it = anApp();
    const { seen } = await listen(it, '/orders/events');
    it.streams.close();
    await eventually(() => seen.ended);
  });
});

describe('GET /orders/:id/events', () => {
  test('When the order is known, then it comes as it is, then its changes', async () => {
    const it = anApp();
    it.tell(created());
    const { seen } = await listen(it, theEvents);
    await eventually(() => seen.text.includes('"status":"pending"'));
    it.tell(paid());
    await eventually(() => seen.text.includes('"status":"completed"'));
  });

  test.each([['is not known', theEvents], ['is no uuid', '/orders/events/events']])('When the order %s, then it is 404', async (_what, path) => {
    expect((await request(anApp().app).get(path)).status).toBe(404);
  });
});

describe('both', () => {
  test.each(['/orders/events', theEvents])('When the head of %s is asked for, then there is no stream', async (path) => {
    const it = anApp();
    it.tell(created());
    const response = await request(it.app).head(path);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });

  test.each(['/orders/events', theEvents])('When the state is being rebuilt, then %s is 503 with Retry-After', async (path) => {
    const response = await request(anApp({ caughtUp: false }).app).get(path);
    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });
});
