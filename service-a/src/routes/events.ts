import type { Request, Response } from 'express';
import type { BeginEvents } from './answer';
import { unavailable } from './problem';
import type { Streams } from './streams';

/** Opens a stream of events about one order, or about all of them; throws Problem 503 when there are too many. */
export type OpenEvents = (req: Request, res: Response, orderId?: string) => void;

export const createOpenEvents = ({ streams, beginEvents }: { streams: Pick<Streams, 'open'>; beginEvents: BeginEvents }): OpenEvents => (
  req, res, orderId,
) => {
  if (req.method === 'HEAD') {
    beginEvents(res);
    res.end();
    return;
  }
  // It may have gone while its order was looked for.
  if (res.destroyed) return;
  const lastEventId = req.get('Last-Event-ID');
  const reader = {
    write: (chunk: Buffer): void => {
      if (!res.headersSent) beginEvents(res);
      res.write(chunk);
    },
    waiting: () => res.writableLength,
    end: (): void => {
      if (!res.headersSent) beginEvents(res);
      res.end();
    },
    cut: () => void res.destroy(),
  };
  const close = streams.open(reader, { ...(orderId !== undefined && { orderId }), ...(lastEventId !== undefined && { lastEventId }) });
  if (close === undefined) throw unavailable('There are too many event streams.');
  res.once('close', close);
};
