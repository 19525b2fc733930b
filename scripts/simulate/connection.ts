import { EventEmitter } from 'node:events';
import type { Actor } from './timers';
import type { Request } from './wire';

/** As much of a socket as KafkaJS knows. */
export class FakeSocket extends EventEmitter {
  write: (bytes: Buffer) => boolean = () => false;
  end: () => void = () => undefined;
  destroy: () => void = () => undefined;
  setKeepAlive = (): this => this;
  setNoDelay = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
}

export type Arrived = Request & { correlationId: number };

export type Connection = {
  socket: FakeSocket;
  actor: Actor;
  nodeId: number;
  open: boolean;
  /** The client has asked for its end before it was there. */
  ending: boolean;
  /** A broker takes one request of a connection at a time. */
  waiting: Arrived[];
  busy: boolean;
  /** When the last bytes each way arrive: a connection keeps their order. */
  lastIn: number;
  lastOut: number;
};
