import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeServer, listen } from '../../src/utils/server';

describe('server', () => {
  test('When it is closed, then an open request is answered, and one that takes too long is cut off', async () => {
    const server = createServer((req, res) => {
      if (req.url === '/slow') setTimeout(() => res.end('done'), 300);
    });
    await listen(server, { host: '127.0.0.1', port: 0 });
    const { port } = server.address() as AddressInfo;
    const ask = (path: string): Promise<string> => new Promise((resolve) => {
      get({ host: '127.0.0.1', port, path }, (res) => {
        res.on('data', (data: Buffer) => resolve(data.toString()));
      }).on('error', () => resolve('cut off'));
    });
    const answers = Promise.all([ask('/slow'), ask('/never')]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await closeServer(server, 800);
    expect(await answers).toEqual(['done', 'cut off']);
  });
});
