import type { Request, Response } from 'express';
import type { Events } from '../dead-letters/events';
import type { Redrive } from '../dead-letters/redrives';
import { unavailable } from './problem';

/** The last one keeps nginx and its like from collecting events before they pass them on. */
const HEADERS = { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };

/** Answers with a stream of events: of all, or of one redrive. @throws Problem 503 when there are too many */
export const createOpenEvents = (events: Pick<Events, 'open'>) => (req: Request, res: Response, of?: Redrive): void => {
  if (req.method === 'HEAD') {
    res.writeHead(200, HEADERS).end();
    return;
  }
  if (res.destroyed) return;
  const begin = (): void => void (res.headersSent || res.writeHead(200, HEADERS));
  const close = events.open({
    write: (text) => {
      begin();
      res.write(text);
    },
    waiting: () => res.writableLength,
    end: () => {
      begin();
      res.end();
    },
    cut: () => void res.destroy(),
  }, of);
  if (close === undefined) throw unavailable('There are too many event streams.');
  res.once('close', close);
};
