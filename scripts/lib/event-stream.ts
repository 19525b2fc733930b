import { request, type IncomingMessage } from 'node:http';
import { waitFor } from './process';

export type StreamEvent = { event: string; id: string; data: Record<string, unknown> };

const parse = (block: string): StreamEvent | undefined => {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
  return field('data') === '' ? undefined : { event: field('event'), id: field('id'), data: JSON.parse(field('data')) as StreamEvent['data'] };
};

/** Reads a stream of server-sent events from the moment it is opened; rejects when the answer is no such stream. */
export const openEventStream = async (url: string, lastEventId?: string) => {
  const events: StreamEvent[] = [];
  let rest = '';
  let ended = false;
  const sent = request(url, { agent: false, headers: lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId } });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject).end();
  });
  if (response.statusCode !== 200) {
    sent.destroy();
    throw new Error(`${url} answered ${response.statusCode}`);
  }
  sent.on('error', () => undefined);
  response.on('error', () => undefined).once('close', () => void (ended = true));
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    events.push(...blocks.map(parse).filter((event) => event !== undefined));
  });
  return {
    events,
    ended: () => ended,
    lastId: (): string | undefined => events.at(-1)?.id,
    /** The last state of each order that was told of. */
    orders: (): Map<string, Record<string, unknown>> =>
      new Map(events.filter(({ event }) => event === 'order').map(({ data }) => [String(data['orderId']), data])),
    until: (what: string, check: (event: StreamEvent) => boolean): Promise<void> =>
      waitFor(what, () => events.some(check), { intervalMs: 20 }),
    /** Takes nothing more, and keeps the connection open. */
    stall: (): void => void response.pause(),
    close: (): void => void sent.destroy(),
  };
};
