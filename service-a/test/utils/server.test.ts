import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeServer, listen } from '../../src/utils/server';
import { eventually } from '../support/fakes';

describe('server', () => {
  test('When it is closed, then an open request is answered, and one that takes too long is cut off', async () => {
    const arrived: string[] = [];
    const server = createServer((req, res) => {
      arrived.push(req.url!);
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
    await eventually(() => arrived.length === 2);
    await closeServer(server, 800);
    expect(await answers).toEqual(['done', 'cut off']);
  });
});
