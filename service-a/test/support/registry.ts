import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

type Version = { id: number; version: number; schema: string; schemaType?: string };

/** How it answers instead: a status, a body as it is, or not at all. */
export type Trouble = { status: number } | { body: string } | 'silent';

const send = (res: ServerResponse, status: number, body: unknown): void => {
  res.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));
};

const bodyOf = async (req: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return text;
};

/** What is asked of a schema registry, of its API as Confluent's, on a port of its own; it keeps what it was asked. */
export const aRegistry = async (certificate?: { key: string; cert: string }) => {
  const subjects = new Map<string, Version[]>();
  const requests: string[] = [];
  const credentials: (string | undefined)[] = [];
  let trouble: Trouble | undefined;
  let nextId = 1;
  let sockets = new Set<{ destroy: () => void }>();

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    requests.push(`${req.method} ${req.url}`);
    credentials.push(req.headers.authorization);
    const body = await bodyOf(req);
    if (trouble === 'silent') return;
    if (trouble !== undefined) return void ('body' in trouble ? res.end(trouble.body) : send(res, trouble.status, { error_code: trouble.status * 100 }));
    const [, subject = '', version] = /^\/subjects\/([^/?]+)(?:\/versions(?:\/(\d+))?)?/.exec(req.url ?? '') ?? [];
    const versions = subjects.get(decodeURIComponent(subject));
    if (versions === undefined) return void send(res, 404, { error_code: 40_401, message: 'Subject not found.' });
    if (req.method === 'GET' && version === undefined) return void send(res, 200, versions.map((one) => one.version));
    const asked = req.method === 'POST' ? (JSON.parse(body) as { schema: string }).schema : undefined;
    const found = versions.find((one) => (asked === undefined ? one.version === Number(version) : one.schema === asked));
    if (found !== undefined) return void send(res, 200, { subject, ...found });
    send(res, 404, { error_code: asked === undefined ? 40_402 : 40_403, message: 'not found' });
  };

  const serve = (req: IncomingMessage, res: ServerResponse): void => void answer(req, res);
  const server: Server = certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => void server.close(resolve));
    for (const socket of sockets) socket.destroy();
    sockets = new Set();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    credentials,
    /** @returns its id */
    register: (subject: string, schema: unknown, more: { schemaType?: string } = {}): number => {
      const versions = subjects.get(subject) ?? [];
      subjects.set(subject, versions);
      const id = nextId;
      nextId += 1;
      versions.push({ id, version: versions.length + 1, schema: typeof schema === 'string' ? schema : JSON.stringify(schema), ...more });
      return id;
    },
    /** Ids go on from here. */
    skipTo: (id: number): void => {
      nextId = id;
    },
    answerWith: (instead: Trouble | undefined): void => {
      trouble = instead;
    },
    /** Nobody listens at its address. */
    goAway: close,
    comeBack: (): Promise<void> => listen(port),
    close,
  };
};

export type TestRegistry = Awaited<ReturnType<typeof aRegistry>>;
