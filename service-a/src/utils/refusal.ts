import { IncomingMessage, STATUS_CODES, ServerResponse, type Server } from 'node:http';
import { Socket } from 'node:net';
import helmet from 'helmet';
import { closeGently, responseOf, sentTooMuch } from './connection';

type Middleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

/** The headers that middlewares set on a response of their own: flat name, value, name, value, … */
export const headersOf = (...middlewares: Middleware[]): string[] => {
  const req = new IncomingMessage(new Socket());
  const res = new ServerResponse(req);
  for (const middleware of middlewares) middleware(req, res, () => undefined);
  return res.getHeaderNames().flatMap((name) => [name, String(res.getHeader(name))]);
};

/** The members that every problem has (RFC 9457). */
export const problemOf = (status: number, detail: string) => ({ type: 'about:blank', title: STATUS_CODES[status], status, detail });

/** A request that is refused before the application sees it: what Node would answer with a bare line of status. */
type Refusal = { status: number; detail: string };

const notHttp: Refusal = { status: 400, detail: 'The request is not valid HTTP.' };

/** By the code of Node's error. */
const byCode: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The request line and the header fields are larger than this service accepts.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The extensions of a chunk are larger than this service accepts.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request did not come in time.' },
};

const securityHeaders = headersOf(helmet());

const headersFor = (body: string): string[] => [
  ...securityHeaders, 'Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(body)), 'Connection', 'close',
];

const textOf = ({ status, detail }: Refusal): string => {
  const body = JSON.stringify(problemOf(status, detail));
  const headers = headersFor(body).map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\n${headers}\r\n${body}`;
};

const refuse = (res: ServerResponse, { status, detail }: Refusal): void => {
  const body = JSON.stringify(problemOf(status, detail));
  res.writeHead(status, headersFor(body));
  res.end(body);
};

/**
 * Brings the target of a request that is written as to a proxy (`GET http://host/orders`) into the form that routes know.
 * @returns undefined when there is none of it
 */
const pathOf = (target: string): string | undefined => {
  if (!URL.canParse(target)) return undefined;
  const { protocol, pathname, search } = new URL(target);
  return protocol === 'http:' || protocol === 'https:' ? pathname + search : undefined;
};

/** Why the head of a request cannot be handled; undefined when it can. */
const faultOf = (req: IncomingMessage): Refusal | undefined => {
  if (req.headers.host === undefined && req.httpVersionMinor === 1) return { status: 400, detail: 'The header field Host is missing.' };
  const { url = '' } = req;
  if (url.startsWith('/') || url === '*') return undefined;
  const path = pathOf(url);
  if (path === undefined) return { status: 400, detail: 'The target of the request is not valid.' };
  req.url = path;
  return undefined;
};

/**
 * Answers with a problem what a server of Node would answer barely, or by closing the connection. No answer gets into another one: those
 * before it on its connection come first, and after half of one there is nothing to be said.
 * @returns refuses a request whose head cannot be handled, and says that it did
 */
export const refuseUnfit = (server: Server): ((req: IncomingMessage, res: ServerResponse) => boolean) => {
  const faults = new WeakMap<Socket, Refusal>();

  const tell = (socket: Socket, fault: Refusal): void => {
    const current = responseOf(socket);
    if (!socket.writable) return;
    if (current?.req.complete) {
      current.once('close', () => tell(socket, fault));
      return;
    }
    // Its own request is the one at fault.
    if (current?.headersSent !== true) socket.write(textOf(fault));
    closeGently(socket);
  };

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const { code = '' } = error;
    const fault = byCode[code] ?? (code.startsWith('HPE_') ? notHttp : undefined);
    // What comes after the last request of a connection is nobody's; what comes after a fault is a part of it.
    if (code === 'HPE_CLOSED_CONNECTION' || faults.has(socket) || socket.writableEnded) {
      if (sentTooMuch(socket)) socket.pause();
      return;
    }
    const leftBehind = code === 'HPE_INVALID_EOF_STATE' && responseOf(socket)?.req.complete === true;
    if (fault === undefined || leftBehind || !socket.writable) {
      socket.destroy();
      return;
    }
    faults.set(socket, fault);
    tell(socket, fault);
  });

  server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => {
    refuse(res, { status: 417, detail: 'Of all expectations this service meets 100-continue alone.' });
  });
  // The one who reads the body tells the client to send it: a body that is refused need not come.
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => server.emit('request', req, res));

  server.on('connect', (_req: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    if (responseOf(socket) !== undefined) {
      socket.destroy();
      return;
    }
    socket.write(textOf({ status: 501, detail: 'This service is no proxy.' }));
    closeGently(socket);
    socket.on('data', () => {
      if (sentTooMuch(socket)) socket.pause();
    });
  });

  return (req, res) => {
    const broken = faults.get(req.socket);
    if (broken !== undefined && !req.complete) {
      tell(req.socket, broken);
      return true;
    }
    const fault = faultOf(req);
    if (fault !== undefined) refuse(res, fault);
    return fault !== undefined;
  };
};
