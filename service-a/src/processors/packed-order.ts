import type { KnownOrder, OrderEntry, OrderStatus } from './projection';

type Source = KnownOrder['source'] | undefined;

/**
 * An order as it is held: its outcome as JSON and its canonical text, each on a line behind the time of its creation. An order that is
 * pending, as most changing ones are, has no outcome and is put together and taken apart without JSON.
 */
export const pack = ({ order, ...outcome }: OrderEntry): string =>
  `${order?.createdAt ?? ''}\n${Object.keys(outcome).length === 0 ? '' : JSON.stringify(outcome)}\n${order?.text ?? ''}`;

export const unpack = (packed: string, source: Source): OrderEntry => {
  const first = packed.indexOf('\n');
  const second = packed.indexOf('\n', first + 1);
  const outcome = second === first + 1 ? {} : JSON.parse(packed.slice(first + 1, second)) as Omit<OrderEntry, 'order'>;
  if (source === undefined) return outcome;
  return { order: { text: packed.slice(second + 1), createdAt: packed.slice(0, first), source }, ...outcome };
};

/** What is held of an order next to its text: its status, and where the order is known from, if it is. */
const STATUSES: OrderStatus[] = ['pending', 'completed', 'failed'];
const SOURCES: Source[] = [undefined, 'broker-ack', 'dead-letter', 'log'];
export const tagOf = (status: OrderStatus, source: Source): number => STATUSES.indexOf(status) * SOURCES.length + SOURCES.indexOf(source);
export const statusOfTag = (tag: number): OrderStatus => STATUSES[Math.floor(tag / SOURCES.length)]!;
export const sourceOfTag = (tag: number): Source => SOURCES[tag % SOURCES.length];
