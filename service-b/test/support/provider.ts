import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Asked = { method: string; url: string; headers: IncomingMessage['headers']; body: unknown };
type Reply = (response: ServerResponse, asked: Asked) => void;

/** Answers with a status, a body that is written as JSON unless it is text, and headers. */
export const reply = (status: number, body: unknown = '', headers: Record<string, string> = {}): Reply => (response) => {
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
};

/** An HTTP server on loopback that gives these replies, the last one for ever, and keeps what it was asked. */
export const aProvider = async (...replies: Reply[]) => {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const one = { method: request.method!, url: request.url!, headers: request.headers, body: text === '' ? undefined : JSON.parse(text) as unknown };
      asked.push(one);
      replies[Math.min(asked.length, replies.length) - 1]!(response, one);
    });
  });
  server.on('connection', () => { connections += 1; });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked, port, url: `http://127.0.0.1:${port}`,
    connections: () => connections,
    close: (): void => {
      server.closeAllConnections();
      server.close();
    },
  };
};
