import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A client that is refused may go on sending for this long, or this much, before it is cut off: until then it can read why. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 4_194_304;
/** A body of at most this size is read to its end even if nobody wants it, which keeps the connection usable. */
const SMALL_BODY_BYTES = 65_536;
/** Requests behind the one at work: above the first number nothing more is read, above the second the connection is cut off. */
const WAITING_READ_MAX = 1_000;
const WAITING_MAX = 10_000;

/** Characters of answers that wait for their clients, of all connections: above it those that have waited longest are cut off. */
const UNTAKEN_MAX = 67_108_864;

/** The response that a connection is busy with. Node's own handler of errors looks there too; there is no public way. */
export const responseOf = (socket: Socket): ServerResponse | undefined =>
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;

const discardEnds = new WeakMap<Socket, number>();

/** Whether a connection that is being closed has sent more than is read of it for courtesy. */
export const sentTooMuch = (socket: Socket): boolean => socket.bytesRead > (discardEnds.get(socket) ?? Infinity);

/**
 * Closes a connection after what was written: half of it at once, the rest when the client has closed its own half, or after two seconds. A
 * close with bytes unread is a reset, which would take the answer away from the client.
 */
export const closeGently = (socket: Socket): void => {
  if (socket.writableEnded) return;
  socket.end();
  if (socket.destroyed) return;
  discardEnds.set(socket, socket.bytesRead + LINGER_BYTES);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
};

/** @param above a body that is known to be no larger does not count */
export const hasBody = ({ headers }: IncomingMessage, above = 0): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > above;

/** Reads a body that nobody wants, up to a bound: the end of a connection is seen only behind it. */
export const discardBody = (req: IncomingMessage, res: ServerResponse): void => {
  const { socket } = req;
  const end = socket.bytesRead + LINGER_BYTES;
  req.on('data', () => {
    if (socket.bytesRead <= end) return;
    if (res.writableEnded) req.pause();
    else socket.destroy();
  });
  // The response hears of it too.
  req.once('error', () => undefined);
};

/** An answer given before the whole of a large body has come ends the connection: the rest is not read. */
export const endWithUnread = (res: ServerResponse): void => {
  if (res.headersSent || res.req.complete || !hasBody(res.req, SMALL_BODY_BYTES)) return;
  res.shouldKeepAlive = false;
  discardBody(res.req, res);
};

/**
 * Handles the requests of a connection one after the other. Node hands out those that were sent ahead (pipelined) at once; what is begun
 * for them would wait behind others, and never hear of the end of the connection, since their responses have none yet.
 */
export const inTurn = (handle: (req: IncomingMessage, res: ServerResponse) => void) => {
  const waiting = new WeakMap<Socket, number>();

  /** Counts one more or less, and reads on or not. Node resumes a connection whenever it reads a request: so this has the last word. */
  const count = (socket: Socket, change: 1 | -1): void => {
    const now = (waiting.get(socket) ?? 0) + change;
    waiting.set(socket, now);
    if (now > WAITING_MAX) socket.destroy();
    else if (now > WAITING_READ_MAX) setImmediate(() => waiting.get(socket)! > WAITING_READ_MAX && socket.pause());
    else if (change === -1 && now === WAITING_READ_MAX) socket.resume();
  };

  const wait = (req: IncomingMessage, res: ServerResponse): void => {
    count(req.socket, 1);
    // What has nothing to be read is not read again in the end.
    if (!hasBody(req)) req.resume();
    res.once('socket', () => {
      // Other connections come in between.
      setImmediate(handle, req, res);
      count(req.socket, -1);
    });
  };

  return (req: IncomingMessage, res: ServerResponse): void => {
    if (res.socket === null) wait(req, res);
    else handle(req, res);
  };
};

/**
 * Bounds what waits in memory for clients that do not take their answers: a small request can have a large one.
 * @returns to be called at the end of each answer
 */
export const createUntaken = () => {
  const untaken = new Map<Socket, number>();
  let sum = 0;

  const forget = (socket: Socket): void => {
    sum -= untaken.get(socket) ?? 0;
    untaken.delete(socket);
  };

  return (res: ServerResponse): void => {
    const { socket } = res;
    if (socket === null || socket.writableLength === 0) return;
    forget(socket);
    untaken.set(socket, socket.writableLength);
    sum += socket.writableLength;
    res.once('close', () => forget(socket));
    for (const [longest] of untaken) {
      if (sum <= UNTAKEN_MAX || untaken.size === 1) return;
      forget(longest);
      longest.destroy();
    }
  };
};

const connections = new WeakMap<Server, Set<Socket>>();

/** The open connections of a server, each of which is closed gently, from the first call on. */
export const connectionsOf = (server: Server): ReadonlySet<Socket> => {
  const known = connections.get(server);
  if (known !== undefined) return known;
  const open = new Set<Socket>();
  connections.set(server, open);
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // What Node calls after the last answer of a connection.
    socket.destroySoon = () => closeGently(socket);
  });
  return open;
};
