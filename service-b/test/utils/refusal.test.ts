import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { createApp } from '../../src/app';
import { createMetrics } from '../../src/metrics';
import { closeServer, createExpressServer, listen } from '../../src/utils/server';
import { recordingLogger } from '../support/fakes';

const { logger } = recordingLogger();
const servers: Server[] = [];

const aServer = async (): Promise<number> => {
  const app = createApp({ checks: () => ({}), corsOrigins: ['*'], metrics: createMetrics({ ordersTopic: 'orders' }), logger });
  const server = createExpressServer(app);
  servers.push(server);
  await listen(server, { host: '127.0.0.1', port: 0 });
  return (server.address() as AddressInfo).port;
};

/** Says something on a new connection, and gives what came until the other side closed it. */
const say = (port: number, text: string): Promise<string> => new Promise((resolve, reject) => {
  let seen = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  socket.on('data', (data) => void (seen += data.toString())).once('end', () => resolve(seen)).once('error', reject);
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => closeServer(server, 2)));
});

describe('12.18 what Node answers before Express', () => {
  test.each([
    ['a line that is no request', 400, 'hello\r\n\r\n'],
    ['no Host', 400, 'GET /health HTTP/1.1\r\n\r\n'],
    ['large header fields', 431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['an expectation that cannot be met', 417, 'GET /health HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n'],
    ['CONNECT', 501, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
    ['a body that nobody wants', 405, 'POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\nx'],
    ['a question whether to send one', 405, 'POST /health HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n'],
  ])('When %s is sent, then it is the problem %i and the end of the connection', async (_what, status, text) => {
    const [head = '', body = ''] = (await say(await aServer(), text)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/\r\ncontent-type: application\/problem\+json/i);
    expect(head).toMatch(/\r\nconnection: close/i);
    expect(head).toMatch(/\r\nx-content-type-options: nosniff/i);
    expect(JSON.parse(body)).toMatchObject({ type: 'about:blank', status });
  });

  test('When requests are sent ahead, then each is answered in its turn', async () => {
    const text = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5) + 'GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    expect((await say(await aServer(), text)).match(/HTTP\/1\.1 200/g)).toHaveLength(6);
  });
});
