import type { Server } from 'node:http';
import { createExpressServer } from '../../src/utils/server';
import { anOrder, created, orderIdOf, paid } from '../support/builders';
import { eventually } from '../support/fakes';
import { anApp } from '../support/http';
import { answersIn, closeAll, listening, rawClient } from '../support/raw';

const aServer = async (adjust: (server: Server) => void = () => undefined) => {
  const it = anApp();
  it.tell(created());
  const server = createExpressServer(it.app);
  adjust(server);
  const port = await listening(server);
  return { ...it, port };
};

/** Says something on a new connection, and gives what was answered until the other side closed it. */
const say = async (port: number, ...texts: string[]): Promise<ReturnType<typeof answersIn>> => {
  const client = await rawClient(port);
  client.send(...texts);
  return answersIn(await client.end());
};

const expectProblem = (answer: ReturnType<typeof answersIn>[number] | undefined, status: number): void => {
  expect(answer?.status).toBe(status);
  expect(answer?.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff', 'connection': 'close' });
  expect(JSON.parse(answer!.body)).toEqual({
    type: 'about:blank', status, title: expect.stringMatching(/\w/) as string, detail: expect.stringMatching(/\w/) as string,
  });
};

const posting = (...headers: string[]): string => ['POST /orders HTTP/1.1', 'Host: a', 'Content-Type: application/json', ...headers, '', ''].join('\r\n');
const waiting = `GET /orders/${orderIdOf(0)} HTTP/1.1\r\nHost: a\r\nPrefer: wait=30\r\n\r\n`;
const order = JSON.stringify(anOrder({ orderId: orderIdOf(5) }));

afterEach(closeAll);

describe('12.18 what Node answers before Express', () => {
  test.each([
    ['a line that is no request', 400, 'hello\r\n\r\n'],
    ['a method that is none', 400, 'HELLO / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a version that is none', 400, 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['the preface of HTTP/2', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a header field without a colon', 400, 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n'],
    ['a header field with a control character', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n'],
    ['no Host', 400, 'GET /health HTTP/1.1\r\n\r\n'],
    ['a length that is no number', 400, posting('Content-Length: x')],
    ['two lengths', 400, posting('Content-Length: 1', 'Content-Length: 2')],
    ['a length and chunks', 400, posting('Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['a transfer coding that does not end in chunks', 400, posting('Transfer-Encoding: gzip')],
    ['a chunk that is none', 400, posting('Transfer-Encoding: chunked') + 'xyz\r\n'],
    ['long extensions of a chunk', 413, posting('Transfer-Encoding: chunked') + `1;${'x'.repeat(20_000)}\r\n`],
    ['large header fields', 431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a long address', 431, `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['an expectation that cannot be met', 417, posting('Expect: 200-ok', 'Content-Length: 2') + '{}'],
    ['CONNECT', 501, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
    ['a target that cannot be read', 400, 'GET http://a:x/orders HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a target of another scheme', 400, 'GET ftp://a/orders HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a transfer coding that is not known', 501, posting('Transfer-Encoding: gzip, chunked')],
  ])('When %s is sent, then it is the problem %i and the end of the connection', async (_what, status, text) => {
    const { port } = await aServer();
    const answers = await say(port, text);
    expect(answers).toHaveLength(1);
    expectProblem(answers[0], status);
  });

  test('When a request does not come in time, then it is the problem 408', async () => {
    const { port } = await aServer((server) => Object.assign(server, { headersTimeout: 1, requestTimeout: 1 }));
    const client = await rawClient(port);
    client.send('GET / HTTP/1.1\r\n');
    // Node looks every five seconds.
    await eventually(() => client.seen.ended, 8_000);
    expectProblem(answersIn(await client.end())[0], 408);
  }, 15_000);

  test('When the fault comes behind requests that are being answered, then they are answered first', async () => {
    const { port, tell, waiters } = await aServer();
    const client = await rawClient(port);
    client.send(waiting, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n', 'nonsense\r\n\r\n');
    await eventually(() => waiters.size() === 1);
    client.send('and more nonsense\r\n');
    tell(paid());
    const answers = answersIn(await client.end());
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400]);
    expectProblem(answers[2], 400);
  });

  test('When a body breaks off in the middle of an answer that is a stream, then nothing gets into it', async () => {
    const { port, streams } = await aServer();
    const client = await rawClient(port);
    client.send('GET /orders/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.until('event: counts');
    client.send('xyz\r\n');
    expect((await client.end()).match(/HTTP\/1\.1/g)).toHaveLength(1);
    await eventually(() => streams.size() === 0);
  });

  test('When a client asks for another protocol, then it gets the answer of this one', async () => {
    const { port } = await aServer();
    const client = await rawClient(port);
    client.send('GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await client.until('healthy')).toMatch(/^HTTP\/1\.1 200/);
  });

  test('When the connection is reset or left in the middle of a request, then the service goes on', async () => {
    const { port } = await aServer();
    const clients = await Promise.all([rawClient(port), rawClient(port)]);
    clients.forEach(({ send }) => send(posting('Content-Length: 100') + '{'));
    clients[0].socket.resetAndDestroy();
    clients[1].socket.destroy();
    expect((await say(port, 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))[0]?.status).toBe(200);
  });
});

describe('12.18 a body that is not wanted', () => {
  const tenGigabytes = 'Content-Length: 10000000000';

  const unwanted: [string, number, string][] = [
    ['too large', 413, posting(tenGigabytes)],
    ['too large, in chunks', 413, posting('Transfer-Encoding: chunked') + `${(300_000).toString(16)}\r\n${'x'.repeat(300_000)}\r\n`],
    ['of another type', 415, posting(tenGigabytes).replace('application/json', 'text/plain')],
    ['compressed', 415, posting(tenGigabytes, 'Content-Encoding: GZIP')],
    ['sent to nowhere', 404, posting(tenGigabytes).replace('/orders', '/nothing')],
    ['sent to another method', 405, posting(tenGigabytes).replace('POST', 'PUT')],
    ['sent to a page', 200, posting(tenGigabytes).replace('POST /orders', 'GET /health')],
  ];

  test('When it is refused or has no use, then it is not read to its end, and the client that sends it reads why', async () => {
    const { port } = await aServer();
    const megabyte = Buffer.alloc(1_048_576, 'x');
    const outcomes = await Promise.all(unwanted.map(async ([what, , head]) => {
      const { socket, seen, send } = await rawClient(port);
      send(head);
      const pump = (): void => {
        while (socket.writable && socket.write(megabyte));
      };
      socket.on('drain', pump);
      pump();
      await eventually(() => seen.closed, 8_000);
      const [answer] = answersIn(seen.text);
      const read = socket.bytesWritten - socket.writableLength;
      return [what, answer?.status, answer?.headers['connection'], read < 40_000_000 ? 'cut off' : `${read} bytes`];
    }));
    expect(outcomes).toEqual(unwanted.map(([what, status]) => [what, status, 'close', 'cut off']));
  }, 15_000);

  test('When it is small, then the connection goes on', async () => {
    const { port } = await aServer();
    const client = await rawClient(port);
    client.send('PUT /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello', 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await client.until('healthy')).toMatch(/^HTTP\/1\.1 405[^]*HTTP\/1\.1 200/);
  });

  test.each([
    ['too large', 413, posting('Expect: 100-continue', tenGigabytes)],
    ['of another type', 415, posting('expect: 100-Continue', 'Content-Length: 10').replace('application/json', 'text/plain')],
    ['sent to nowhere', 404, posting('Expect: 100-continue', 'Content-Length: 10').replace('/orders', '/nothing')],
  ])('When a client asks first and it is %s, then it is %i without 100', async (_what, status, head) => {
    const { port } = await aServer();
    expect((await say(port, head)).map((answer) => answer.status)).toEqual([status]);
  });

  test('When a client asks first and may send it, then it is told so, and the order is accepted', async () => {
    const { port } = await aServer();
    const client = await rawClient(port);
    client.send(posting('Expect: 100-CONTINUE', `Content-Length: ${order.length}`));
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send(order);
    await client.until('HTTP/1.1 202');
  });
});

describe('12.18 the words of a request', () => {
  test.each([
    'Content-Encoding: Identity', 'Content-Encoding: IDENTITY', 'Content-Encoding: identity, Identity', 'Content-Encoding:',
    'CONTENT-ENCODING: identity', 'X: y',
  ])('When the order comes with %s, then it is accepted', async (header) => {
    const { port } = await aServer();
    const [answer] = await say(port, posting(header, 'Connection: CLOSE', `Content-Length: ${order.length}`), order);
    expect(answer?.status).toBe(202);
  });

  test.each([
    'Content-Type: APPLICATION/JSON', 'Content-Type: application/json; Charset=UTF-8', 'Content-Type: application/json;charset="Utf-8"',
  ])('When the order comes with %s in chunks, then it is accepted', async (type) => {
    const { port } = await aServer();
    const head = `POST /orders HTTP/1.1\r\nHost: a\r\n${type}\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n`;
    const [answer] = await say(port, head, `${order.length.toString(16)}\r\n${order}\r\n0\r\n\r\n`);
    expect(answer?.status).toBe(202);
  });

  test.each([
    ['/orders?userId=a?b&limit=0', 400], ['/orders?limit=0#x', 400], ['/orders?limit=1#x&limit=2', 200], ['/orders?userId=a?b', 200],
    ['/orders?limit=%zz', 400], ['/orders?userId=%zz', 200], ['/orders?limit=1&limit=1', 400], ['/orders?', 200], ['/orders??limit=0', 200],
    ['/orders?limit=1+', 400], ['http://a/orders?limit=0', 400], ['HTTP://a:3001/orders?limit=1', 200], ['http://b', 404],
    [`https://a/orders/${orderIdOf(0)}?x`, 200], ['//orders?limit=0', 404], ['//a/orders', 404], ['/orders?limit=0;x', 400],
    [`/orders?x=${'y'.repeat(10_000)}&limit=1`, 200], ['*', 404], ['http://[/orders', 400], ['http://exa%mple/orders', 400],
  ])('When %s is asked for, then it is %i', async (target, status) => {
    const { port } = await aServer();
    for (const method of ['GET', 'HEAD']) {
      const client = await rawClient(port);
      client.send(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      const [head = '', body] = (await client.end()).split('\r\n\r\n');
      expect(Number(head.split(' ')[1])).toBe(status);
      expect(body === '').toBe(method === 'HEAD');
    }
  });
});
