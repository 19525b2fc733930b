import { connect, createServer, type Socket } from 'node:net';

export type Proxy = Awaited<ReturnType<typeof startProxy>>;

/** A TCP relay to a port of this machine that can add latency to every chunk, each way, reset connections, and cut the line. */
export const startProxy = async ({ listenPort, targetPort }: { listenPort: number; targetPort: number }) => {
  const sockets = new Set<Socket>();
  let latencyMs = 0;
  let cut = false;

  const relay = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (latencyMs === 0) to.write(chunk);
      else setTimeout(() => to.writable && to.write(chunk), latencyMs);
    });
    from.on('close', () => to.destroy());
    from.on('error', () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
    }
    relay(client, upstream);
    relay(upstream, client);
    if (cut) for (const socket of [client, upstream]) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(listenPort, '127.0.0.1', resolve));

  return {
    setLatency: (ms: number): void => {
      latencyMs = ms;
    },
    /** Resets every open connection (RST, not FIN). */
    resetAll: (): void => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    /** Nothing comes through any more and nobody is told, as when packets get lost; once healed, what was under way arrives. */
    setCut: (isCut: boolean): void => {
      cut = isCut;
      for (const socket of sockets) if (isCut) socket.pause(); else socket.resume();
    },
    close: (): void => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};
