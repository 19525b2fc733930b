import type { Express } from 'express';
import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { closeGently, connectionsOf, createUntaken, discardBody, endWithUnread, hasBody, inTurn, responseOf, sentTooMuch } from './connection';
import { refuseUnfit } from './refusal';

/** For so long requests are still taken when the server closes, so that those who send any learn of it by an answer. */
const LAME_DUCK_MS = 1_000;
const SWEEP_MS = 50;
/** Nobody is answered until no connection has come for so long, at most for the second. */
const HOLD_MS = 100;
const HOLD_MAX_MS = 1_000;

/** Nothing moves on a connection for so long: its client takes no more of its answer. Longer than any answer, or event, is waited for. */
const STILL_MS = 90_000;

const times = {
  // Longer than the idle time-out of usual proxies, so that the side that closes is never this one.
  keepAliveTimeout: 65_000,
  // For the head of a request, and for all of it: who takes longer is told 408.
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 5_000,
};

/**
 * A server whose requests and responses are born with the prototypes that Express gives them. Express would change the prototype of each
 * one otherwise, and V8 pays for that: such objects outlive the young generation, which halves what the process can answer.
 */
export const createExpressServer = (app: Express): Server => {
  const boundUntaken = createUntaken();
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {
    /** When the request came, in milliseconds of `performance.now()`. */
    readonly startedAt = performance.now();

    override writeHead(...args: [number, ...unknown[]]): this {
      endWithUnread(this);
      return super.writeHead(...(args as [number]));
    }

    override end(...args: unknown[]): this {
      super.end(...(args as []));
      boundUntaken(this);
      return this;
    }
  }
  app.request = Object.setPrototypeOf(Request.prototype, app.request) as Express['request'];
  app.response = Object.setPrototypeOf(Response.prototype, app.response) as Express['response'];

  // The types of Node know no class of their own kind here.
  const server = createServer({ IncomingMessage: Request, ServerResponse: Response, requireHostHeader: false, ...times }) as Server;
  server.timeout = STILL_MS;
  connectionsOf(server);
  const refused = refuseUnfit(server);
  server.on('request', inTurn((req, res) => {
    if (!req.socket.writable) {
      // Behind the last answer of its connection.
      if (sentTooMuch(req.socket)) req.socket.pause();
      return;
    }
    if (isClosing(server)) res.shouldKeepAlive = false;
    // Nobody reads the body of a GET.
    if (req.method === 'GET' && hasBody(req)) discardBody(req, res);
    if (!refused(req, res)) app(req, res);
  }));
  return server;
};

/** Resolves when the server listens; rejects with a sentence when the address cannot be had. */
export const listen = (server: Server, { host, port }: { host: string; port: number }): Promise<void> => new Promise((resolve, reject) => {
  connectionsOf(server);
  server.once('error', (error: NodeJS.ErrnoException) => {
    const { code = error.message } = error;
    const why = code === 'EADDRINUSE' ? 'is taken; set PORT to a free one' : `cannot be had (${code}); set HOST and PORT to what this machine has and gives`;
    reject(new Error(`port ${port} of ${host} ${why}`, { cause: error }));
  });
  server.listen(port, host, resolve);
});

const closing = new WeakSet<Server>();

/** Whether the server takes requests only to end their connections with the answer. */
export const isClosing = (server: Server): boolean => closing.has(server);

/** Marks what is being answered as the last of its connection, unless its head has gone already. */
const endAfterAnswer = (socket: Socket): void => {
  const current = responseOf(socket);
  if (current?.headersSent === false) current.shouldKeepAlive = false;
};

/**
 * Takes no connection any more. One that the kernel has taken and this process has not would be reset, and those whose connections end with
 * each answer make new ones all the time: so for a moment nothing is read and nobody answered, until no more come.
 */
const stopListening = async (server: Server, open: ReadonlySet<Socket>): Promise<{ closed: Promise<void> }> => {
  let come = 0;
  let holding = true;
  const hold = async (socket: Socket): Promise<void> => {
    come += 1;
    // Node begins to read a new one only after it was told of.
    await setImmediate();
    if (holding) socket.pause();
  };
  server.on('connection', (socket: Socket) => void hold(socket));
  open.forEach((socket) => void hold(socket));
  for (let seen = -1, left = HOLD_MAX_MS / HOLD_MS; seen !== come && left > 0; left -= 1) {
    seen = come;
    await setTimeout(HOLD_MS);
    // Comes right after the kernel was asked for more.
    await setImmediate();
  }
  const closed = new Promise<void>((resolve) => {
    // Node's `close` of an HTTP server would destroy idle connections.
    NetServer.prototype.close.call(server, () => resolve());
  });
  holding = false;
  open.forEach((socket) => socket.resume());
  return { closed };
};

/**
 * Closes a server so that no client is reset. For a while requests are still taken, and every answer ends its connection; then no
 * connection is taken any more, and those are closed on which nothing has come for as long. What is open after `graceMs` is cut off.
 */
export const closeServer = async (server: Server, graceMs: number, { onDeaf }: {
  /** Hears that no connection is taken any more. */
  onDeaf?: () => void;
} = {}): Promise<void> => {
  const startedAt = performance.now();
  const lameDuckMs = Math.min(LAME_DUCK_MS, graceMs / 2);
  const open = connectionsOf(server);
  closing.add(server);
  server.prependListener('request', (_req, res) => {
    res.shouldKeepAlive = false;
  });
  open.forEach(endAfterAnswer);

  const quiet = new WeakMap<Socket, { bytesRead: number; since: number }>();
  /** Connections on which nothing happens, and on which nothing has come for the time of the lame duck. */
  const idle = (): Socket[] => [...open].filter((socket) => {
    const { bytesRead } = socket;
    const last = quiet.get(socket);
    if (last?.bytesRead === bytesRead) return responseOf(socket) === undefined && performance.now() - last.since >= lameDuckMs;
    quiet.set(socket, { bytesRead, since: performance.now() });
    return false;
  });
  idle();
  await setTimeout(lameDuckMs);
  const { closed } = await stopListening(server, open);
  onDeaf?.();
  const sweep = setInterval(() => void setImmediate().then(() => idle().forEach(closeGently)), SWEEP_MS);
  const cut = globalThis.setTimeout(() => {
    open.forEach((socket) => socket.destroy());
    server.closeAllConnections();
  }, Math.max(0, startedAt + graceMs - performance.now()));
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
};
