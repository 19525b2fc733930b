import { parse } from './http.ts';
import { backoffMs } from './patience.ts';

/** What is used of an EventSource. */
export type Source = {
  readonly readyState: number;
  addEventListener: (type: string, listener: (event: { data?: unknown }) => void) => void;
  close: () => void;
};

export type Connection = 'connecting' | 'live' | 'reconnecting';

export const connectionTexts: Record<Connection, string> = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

const CLOSED = 2;

/**
 * Follows a stream of events and stays connected. An EventSource comes back by itself, with the id of the last event, when the network
 * failed; after an HTTP error it gives up. Then a new one is opened, with backoff: it has no last id.
 */
export const createFeed = ({ open, first, events, onConnection }: {
  open: () => Source;
  /** The event that says on every connection that the stream has begun. */
  first: string;
  /** By name, what is done with the data of an event: undefined if that is no JSON. */
  events: Record<string, (data: unknown) => void>;
  onConnection: (connection: Connection) => void;
}): void => {
  let failures = 0;

  const connect = (): void => {
    const source = open();
    for (const [name, take] of Object.entries(events)) {
      source.addEventListener(name, ({ data }) => {
        if (name === first) {
          failures = 0;
          onConnection('live');
        }
        take(parse(String(data)));
      });
    }
    source.addEventListener('error', () => {
      onConnection('reconnecting');
      if (source.readyState !== CLOSED) return;
      source.close();
      // Spread, so that not every page asks in the same moment.
      setTimeout(connect, backoffMs(failures) * (0.5 + Math.random() / 2));
      failures += 1;
    });
  };

  onConnection('connecting');
  connect();
};
