import net from 'node:net';
import type { Random } from '../drill/random';
import type { Serve } from './api';
import type { Clock } from './clock';
import { FakeSocket, type Arrived, type Connection } from './connection';
import type { Ledger } from './ledger';
import { readRequest, writeAnswer } from './wire';

/** What becomes of a request on its way: `before` and `after` close the connection before or after the broker has done what was asked. */
export type Mishap = { kind: 'before' | 'after' } | { kind: 'refused'; code: number } | { kind: 'late'; ms: number };

export type Network = ReturnType<typeof createNetwork>;

export const hostOf = (nodeId: number): string => `broker-${nodeId}`;

/** TCP between the services and the brokers: order kept on a connection, latency, resets, and links over which nothing comes through. */
export const createNetwork = ({ clock, random, serve, mishap, ledger, trace }: {
  clock: Clock;
  random: Random;
  serve: Serve;
  mishap: (nodeId: number, api: string) => Mishap | undefined;
  ledger: Ledger;
  trace: (what: string) => void;
}) => {
  const connections = new Set<Connection>();
  /** Brokers that run; a frozen one is up and does nothing. */
  const up = new Set<number>();
  const frozen = new Set<number>();
  /** What a frozen broker has in its buffers of clients that went away: it is done when it goes on. */
  let buffered: { nodeId: number; request: Arrived }[] = [];
  const cut = new Set<number>();
  /** Brokers that were out of reach or slow for a while. */
  const hindered = new Set<number>();
  /** Added to each way, by broker. */
  const slow = new Map<number, number>();

  const latency = (nodeId: number): number => 1 + random.integer(3) + random.integer(1 + (slow.get(nodeId) ?? 0));

  const works = (nodeId: number): boolean => up.has(nodeId) && !frozen.has(nodeId);

  const forget = (connection: Connection): void => {
    connection.open = false;
    connections.delete(connection);
  };

  /** The client goes away. */
  const leave = (connection: Connection): void => {
    const { nodeId, waiting } = connection;
    if (frozen.has(nodeId)) buffered.push(...waiting.filter(({ api }) => api !== 'Answered').map((request) => ({ nodeId, request })));
    forget(connection);
  };

  const close = (connection: Connection, how: 'end' | 'error', inMs = 1): void => {
    if (!connection.open) return;
    forget(connection);
    const { socket, actor } = connection;
    clock.after(inMs, () => {
      if (how === 'error') socket.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
      else socket.emit('end');
    }, actor);
  };

  const deliver = (connection: Connection, request: Arrived, what: unknown): void => {
    const { nodeId, actor, socket } = connection;
    if (!connection.open) return;
    if (cut.has(nodeId)) {
      close(connection, 'error', 2_000 + random.integer(8_000));
      return;
    }
    connection.lastOut = Math.max(connection.lastOut, clock.now() + latency(nodeId));
    clock.after(connection.lastOut - clock.now(), () => {
      if (!connection.open) return;
      ledger.answered(actor, request, what);
      socket.emit('data', writeAnswer(request.correlationId, what));
    }, actor);
  };

  const next = (connection: Connection): void => {
    const { nodeId } = connection;
    if (!connection.open || connection.busy || frozen.has(nodeId)) return;
    const request = connection.waiting.shift();
    if (request === undefined) return;
    connection.busy = true;
    const how = mishap(nodeId, request.api);
    if (how !== undefined) trace(`${connection.actor.name} -> ${nodeId} ${request.api}: ${JSON.stringify(how)}`);
    const done = (what: unknown): void => {
      deliver(connection, request, what);
      connection.busy = false;
      next(connection);
    };
    if (how?.kind === 'before') {
      close(connection, 'end');
      return;
    }
    serve(nodeId, request, how?.kind === 'refused' ? how.code : undefined, (what) => {
      if (!connection.open || !up.has(nodeId)) return;
      if (how?.kind === 'after') close(connection, random.pick(['end', 'error']));
      else if (how?.kind === 'late') clock.after(how.ms, () => done(what));
      else if (frozen.has(nodeId)) connection.waiting.unshift({ ...request, api: 'Answered', fields: what });
      else done(what);
    });
  };

  const arrive = (connection: Connection, request: Arrived): void => {
    if (!connection.open || !up.has(connection.nodeId)) return;
    connection.waiting.push(request);
    next(connection);
  };

  const connect = ({ host }: { host: string }, onConnect: () => void): FakeSocket => {
    const nodeId = Number(host.split('-')[1]);
    const socket = new FakeSocket();
    const actor = clock.actor();
    const connection: Connection = { socket, actor, nodeId, open: true, ending: false, waiting: [], busy: false, lastIn: 0, lastOut: 0 };
    socket.write = (bytes) => {
      const request = readRequest(bytes);
      ledger.sent(actor, request);
      if (!connection.open) return false;
      if (cut.has(nodeId)) {
        close(connection, 'error', 2_000 + random.integer(8_000));
        return false;
      }
      connection.lastIn = Math.max(connection.lastIn, clock.now() + latency(nodeId));
      clock.after(connection.lastIn - clock.now(), () => arrive(connection, request));
      return true;
    };
    socket.end = () => {
      if (!connections.has(connection)) connection.ending = true;
      // The broker closes its side as well, if it can.
      else if (works(nodeId) && !cut.has(nodeId)) close(connection, 'end', latency(nodeId));
      else leave(connection);
    };
    // Nobody is told: that is how Node does it.
    socket.destroy = () => leave(connection);
    // Without an answer nothing happens until the client's patience is over.
    if (cut.has(nodeId)) return socket;
    clock.after(latency(nodeId), () => {
      if (!connection.open) return;
      if (!up.has(nodeId)) {
        forget(connection);
        socket.emit('error', Object.assign(new Error(`connect ECONNREFUSED ${host}`), { code: 'ECONNREFUSED' }));
        return;
      }
      connections.add(connection);
      onConnect();
      if (connection.ending) socket.end();
    }, actor);
    return socket;
  };

  const of = (nodeId: number): Connection[] => [...connections].filter((connection) => connection.nodeId === nodeId);

  return {
    isUp: (nodeId: number): boolean => up.has(nodeId),
    isFrozen: (nodeId: number): boolean => frozen.has(nodeId),
    /** Up, not frozen: takes part in what the cluster does. */
    works,
    boot: (nodeId: number): void => void up.add(nodeId),
    /** The process ends: every connection is closed by the kernel, and what it had taken in is gone. */
    halt: (nodeId: number): void => {
      up.delete(nodeId);
      frozen.delete(nodeId);
      buffered = buffered.filter((one) => one.nodeId !== nodeId);
      for (const connection of of(nodeId)) close(connection, random.pick(['end', 'error']));
    },
    freeze: (nodeId: number): void => void frozen.add(nodeId),
    thaw: (nodeId: number): void => {
      frozen.delete(nodeId);
      for (const one of buffered) if (one.nodeId === nodeId) serve(nodeId, one.request, undefined, () => undefined);
      buffered = buffered.filter((one) => one.nodeId !== nodeId);
      for (const connection of of(nodeId)) {
        const [first] = connection.waiting;
        if (first?.api === 'Answered') {
          connection.waiting.shift();
          deliver(connection, first, first.fields);
          connection.busy = false;
        }
        next(connection);
      }
    },
    /** Nothing comes through between the services and the broker, and nobody is told; later the connections break. */
    cut: (nodeId: number): void => {
      hindered.add(nodeId);
      cut.add(nodeId);
    },
    mend: (nodeId: number): void => void cut.delete(nodeId),
    slowDown: (nodeId: number, ms: number): void => {
      hindered.add(nodeId);
      slow.set(nodeId, ms);
    },
    wasHindered: (nodeId: number): boolean => hindered.has(nodeId),
    /** Breaks some of the connections to a broker. */
    shake: (nodeId: number): void => {
      for (const connection of of(nodeId)) if (random.next() < 0.5) close(connection, random.pick(['end', 'error']));
    },
    heal: (): void => {
      cut.clear();
      slow.clear();
    },
    /** Takes the place of `net.connect`. @returns what gives it back */
    install: (): (() => void) => {
      const real = net.connect;
      net.connect = connect as unknown as typeof net.connect;
      return () => {
        net.connect = real;
      };
    },
  };
};
