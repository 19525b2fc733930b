import express from 'express';
import { createServer, get, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { closeServer, createExpressServer, isClosing, listen } from '../../src/utils/server';
import { created, orderIdOf } from '../support/builders';
import { eventually } from '../support/fakes';
import { anApp } from '../support/http';
import { answersIn, closeAll, listening, rawClient } from '../support/raw';

const health = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';
const waiting = `GET /orders/${orderIdOf(0)} HTTP/1.1\r\nHost: a\r\nPrefer: wait=30\r\n\r\n`;

const aServer = async () => {
  const it = anApp();
  it.tell(created());
  const server = createExpressServer(it.app);
  await listen(server, { host: '127.0.0.1', port: 0 });
  return { ...it, server, port: await listening(server) };
};

type Asked = { answered: number; faults: string[] };

/**
 * Clients that ask again and again, each on a connection for as long as the answers say that it stays open; they end when nobody listens.
 * They live in a thread of their own: in the one of the server they could connect only between its steps.
 */
const askAgain = (port: number, pausesMs: number[]): Promise<Asked[]> => new Promise((resolve, reject) => {
  const code = `
    const { connect } = require('node:net');
    const { once } = require('node:events');
    const { setTimeout: sleep } = require('node:timers/promises');
    const { parentPort, workerData: { port, pausesMs } } = require('node:worker_threads');
    const ask = (socket) => new Promise((answered) => {
      let text = '';
      socket.on('data', (data) => { text += data; if (text.endsWith('}')) answered(text); });
      socket.on('error', ({ message }) => answered(message));
      socket.on('end', () => answered('no answer'));
      socket.write('GET /health HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
    });
    const client = async (pauseMs) => {
      const said = { answered: 0, faults: [] };
      for (;;) {
        const socket = connect(port, '127.0.0.1');
        if (!await once(socket, 'connect').catch(() => false)) return said;
        for (let open = true; open;) {
          const answer = await ask(socket);
          ['data', 'error', 'end'].forEach((event) => socket.removeAllListeners(event));
          socket.on('error', () => undefined);
          if (answer.startsWith('HTTP/1.1 200')) said.answered += 1;
          else said.faults.push(answer);
          open = /connection: keep-alive/i.test(answer);
          await sleep(pauseMs);
        }
        socket.destroy();
      }
    };
    Promise.all(pausesMs.map(client)).then((all) => parentPort.postMessage(all));`;
  new Worker(code, { eval: true, workerData: { port, pausesMs } }).once('message', resolve).once('error', reject);
});

afterEach(closeAll);

test.each([
  ['an address of another machine', '192.0.2.1', 0, /^port 0 of 192\.0\.2\.1 cannot be had \(EADDRNOTAVAIL\); set HOST and PORT /],
  ['a name of no machine', 'nowhere.invalid', 0, /^port 0 of nowhere\.invalid cannot be had \((ENOTFOUND|EAI_AGAIN)\); set HOST and PORT /],
])('When it is to listen at %s, then the error names the settings', async (_what, host, port, message) => {
  await expect(listen(createServer(), { host, port })).rejects.toThrow(message);
});

test('When the port is taken, then the error says so, and names the setting', async () => {
  const other = createServer();
  await listen(other, { host: '127.0.0.1', port: 0 });
  const port = await listening(other);
  await expect(listen(createServer(), { host: '127.0.0.1', port })).rejects.toThrow(`port ${port} of 127.0.0.1 is taken; set PORT to a free one`);
  other.close();
});

describe('server', () => {
  test('When it is closed, then an open request is answered, and one that takes too long is cut off', async () => {
    const arrived: string[] = [];
    const server = createServer((req, res) => {
      arrived.push(req.url!);
      if (req.url === '/slow') setTimeout(() => res.end('done'), 300);
    });
    await listen(server, { host: '127.0.0.1', port: 0 });
    const port = await listening(server);
    const ask = (path: string): Promise<string> => new Promise((resolve) => {
      get({ host: '127.0.0.1', port, path }, (res) => {
        res.on('data', (data: Buffer) => resolve(data.toString()));
      }).on('error', () => resolve('cut off'));
    });
    const answers = Promise.all([ask('/slow'), ask('/never')]);
    await eventually(() => arrived.length === 2);
    await closeServer(server, 800);
    expect(await answers).toEqual(['done', 'cut off']);
  });
});

describe('12.17 a server that is closed', () => {
  const kinds: [string, () => Promise<{ server: Server; port: number }>][] = [['with Express', aServer], ['plain', async () => {
    const server = createServer((_req, res) => void setImmediate(() => res.end('{}')));
    await listen(server, { host: '127.0.0.1', port: 0 });
    return { server, port: await listening(server) };
  }]];

  test.each(kinds)('When clients go on asking (%s), then every request is answered until nobody listens, and none is reset', async (_kind, make) => {
    const { server, port } = await make();
    let asked = 0;
    server.on('request', () => void (asked += 1));
    const clients = askAgain(port, Array.from({ length: 12 }, (_, i) => i * 5));
    await eventually(() => asked > 50, 5_000);
    await closeServer(server, 5_000);
    const outcomes = await clients;
    expect(outcomes.flatMap(({ faults }) => faults)).toEqual([]);
    expect(Math.min(...outcomes.map(({ answered }) => answered))).toBeGreaterThan(1);
  }, 15_000);

  test('When requests are under way, then their answers end the connections; what is sent ahead behind them is left', async () => {
    const { server, port, waiters } = await aServer();
    const client = await rawClient(port);
    client.send(waiting, health, health);
    await eventually(() => waiters.size() === 1);
    const closed = closeServer(server, 5_000);
    waiters.close();
    const answers = answersIn(await client.end());
    expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([[200, 'close']]);
    await closed;
  });

  test('When a connection is new or rests, then it still gets an answer at first, then is closed without a reset', async () => {
    const { server, port } = await aServer();
    const [resting, late] = await Promise.all([rawClient(port), rawClient(port)]);
    for (const { send, until } of [resting, late]) {
      send(health);
      await until('healthy');
    }
    expect(isClosing(server)).toBe(false);
    const closed = closeServer(server, 5_000);
    expect(isClosing(server)).toBe(true);
    const fresh = await rawClient(port);
    for (const client of [late, fresh]) {
      client.send(health);
      expect(answersIn(await client.end()).at(-1)).toMatchObject({ status: 200, headers: { connection: 'close' } });
    }
    expect(answersIn(await resting.end(4_000))).toHaveLength(1);
    await closed;
    await expect(rawClient(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('When events are listened to, then their streams end only when no connection is taken any more', async () => {
    const { server, port, streams } = await aServer();
    const client = await rawClient(port);
    client.send('GET /orders/events HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('event: counts');
    const listened: boolean[] = [];
    const closed = closeServer(server, 5_000, {
      onDeaf: () => {
        listened.push(server.listening);
        streams.close();
      },
    });
    expect(client.seen.ended).toBe(false);
    await client.end(4_000);
    await closed;
    expect(listened).toEqual([false]);
  });
});

describe('a client that does not take its answer', () => {
  const ANSWER = 20_000_000;
  const aTalker = async () => {
    const app = express();
    app.get('/', (_req, res) => void res.end('x'.repeat(ANSWER)));
    const server = createExpressServer(app);
    const held = new Set<Socket>();
    server.on('connection', (socket: Socket) => held.add(socket));
    return { server, port: await listening(server), held: () => [...held].reduce((sum, { writableLength }) => sum + writableLength, 0) };
  };
  const ask = async (port: number) => {
    const client = await rawClient(port);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    return client;
  };

  test('When many do not, then what waits for them is bounded, and whoever waited longest is cut off', async () => {
    const { port, held } = await aTalker();
    const clients = [];
    for (let number = 0; number < 12; number += 1) clients.push(await ask(port));
    await eventually(() => held() > ANSWER);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(held()).toBeLessThan(80_000_000);
    const last = clients.at(-1)!;
    last.socket.resume();
    await eventually(() => last.seen.text.length > ANSWER, 5_000);
  }, 20_000);

  test('When it takes no more for a while, then it is cut off', async () => {
    const { server, port, held } = await aTalker();
    expect(server.timeout).toBe(90_000);
    server.timeout = 300;
    await ask(port);
    await eventually(() => held() > 0);
    await eventually(() => held() === 0, 5_000);
  });
});
