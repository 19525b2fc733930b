import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands between the services and a registry, and counts what it is asked. */
export const startCounter = async (target: string) => {
  const paths: string[] = [];
  const server = createServer((asked, answer) => {
    paths.push(`${asked.method} ${asked.url}`);
    const { host: _host, ...headers } = asked.headers;
    const passed = request(`${target}${asked.url}`, { method: asked.method ?? 'GET', headers }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.headers);
      given.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    close: (): void => {
      server.close();
      server.closeAllConnections();
    },
  };
};
