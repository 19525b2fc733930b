import type { Express } from 'express';
import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';

/**
 * A server whose requests and responses are born with the prototypes that Express gives them. Express would change the prototype of each
 * one otherwise, and V8 pays for that: such objects outlive the young generation, which halves what the process can answer.
 */
export const createExpressServer = (app: Express): Server => {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {
    /** When the request came, in milliseconds of `performance.now()`. */
    readonly startedAt = performance.now();
  }
  app.request = Object.setPrototypeOf(Request.prototype, app.request) as Express['request'];
  app.response = Object.setPrototypeOf(Response.prototype, app.response) as Express['response'];
  // The types of Node know no class of their own kind here.
  return createServer({ IncomingMessage: Request, ServerResponse: Response }, app) as Server;
};

/** Resolves when the server listens; rejects with a sentence when the address cannot be had. */
export const listen = (server: Server, { host, port }: { host: string; port: number }): Promise<void> => new Promise((resolve, reject) => {
  // Longer than the idle time-out of usual proxies, so that the side that closes is never this one.
  server.keepAliveTimeout = 65_000;
  server.once('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'EADDRINUSE' ? new Error(`port ${port} of ${host} is taken; set PORT to a free one`, { cause: error }) : error);
  });
  server.listen(port, host, resolve);
});

/** Takes no new connection, lets open requests be answered for at most `graceMs`, then closes what is left. */
export const closeServer = async (server: Server, graceMs: number): Promise<void> => {
  server.prependListener('request', (_req, res) => res.setHeader('Connection', 'close'));
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
};
