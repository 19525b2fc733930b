import type { OrderEntry } from '../processors/projection';
import { viewOf } from '../processors/view';

/** What a stream tells: where it stands, an order as it is now, or how many there are. */
export type StreamEvent = { event: 'sync' | 'order' | 'counts'; data: string };

export const RETRY = 'retry: 1000\n\n';
export const HEARTBEAT = ': heartbeat\n\n';

/** All but the last event carry the position before them: a stream that is cut off among them repeats them when it is resumed. */
export const textOf = (events: StreamEvent[], before: string, after: string): string => events
  .map(({ event, data }, i) => `event: ${event}\nid: ${i === events.length - 1 ? after : before}\ndata: ${data}\n\n`)
  .join('');

/** @returns undefined for an order that cannot be shown */
export const orderEvent = (entry: OrderEntry | undefined): StreamEvent | undefined => {
  const data = entry && viewOf(entry);
  return data === undefined ? undefined : { event: 'order', data };
};
