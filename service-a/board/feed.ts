import { isCounts, isOrder, type Counts, type Order } from './order.ts';
import { backoffMs } from './patience.ts';

/** What is used of an EventSource. */
export type Source = {
  readonly readyState: number;
  addEventListener: (type: string, listener: (event: { data?: unknown }) => void) => void;
  close: () => void;
};

export type Connection = 'connecting' | 'live' | 'reconnecting';

const CLOSED = 2;

const parse = (data: unknown): unknown => {
  try {
    return JSON.parse(String(data));
  } catch {
    return undefined;
  }
};

/**
 * Follows the stream of events and stays connected. An EventSource comes back by itself, with the id of the last event, when the network
 * failed; after an HTTP error it gives up. Then a new one is opened, with backoff: it has no last id, so its `sync` says `resumed: false`.
 */
export const createFeed = ({ open, onSync, onOrder, onCounts, onConnection }: {
  open: () => Source;
  /** `resumed` is false when changes may have been missed. */
  onSync: (resumed: boolean) => void;
  onOrder: (order: Order) => void;
  onCounts: (counts: Counts) => void;
  onConnection: (connection: Connection) => void;
}): void => {
  let failures = 0;

  const connect = (): void => {
    const source = open();
    source.addEventListener('sync', ({ data }) => {
      failures = 0;
      onConnection('live');
      const sync = parse(data) as { resumed?: unknown } | undefined;
      onSync(sync?.resumed === true);
    });
    source.addEventListener('order', ({ data }) => {
      const order = parse(data);
      if (isOrder(order)) onOrder(order);
    });
    source.addEventListener('counts', ({ data }) => {
      const counts = parse(data);
      if (isCounts(counts)) onCounts(counts);
    });
    source.addEventListener('error', () => {
      onConnection('reconnecting');
      if (source.readyState !== CLOSED) return;
      source.close();
      // Spread, so that not every board asks in the same moment.
      setTimeout(connect, backoffMs(failures) * (0.5 + Math.random() / 2));
      failures += 1;
    });
  };

  onConnection('connecting');
  connect();
};
