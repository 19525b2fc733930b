import { createServer } from 'node:net';

const isFree = (port: number): Promise<boolean> => new Promise((resolve) => {
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

/** Throws one sentence that says what to do when `port` of 127.0.0.1 is in use. */
export const assertFree = async (port: number): Promise<void> => {
  if (await isFree(port)) return;
  throw new Error(`Port ${port} of 127.0.0.1 is taken: end what listens there (docker compose stop, or another npm start) and try again.`);
};

/**
 * A port nobody listens on, from below the range of ephemeral ports: a client that keeps dialling a port of that range while
 * its server is down can be given the same port as its own, connect to itself, and keep the server from coming back.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 9_000);
    if (await isFree(port)) return port;
  }
};
