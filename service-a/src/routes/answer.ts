import cors from 'cors';
import helmet from 'helmet';
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { headersOf } from '../utils/refusal';

/** Sends a JSON answer with the headers that every answer carries; a body that is text is JSON already. */
export type Answer = (res: ServerResponse, status: number, body: object | string, headers?: OutgoingHttpHeaders) => void;

/** Hears of each answer: the request it is for, its status, and the seconds it took. */
export type OnAnswer = (method: string, route: string, status: number, seconds: number) => void;

/** Begins an answer that is a stream of server-sent events, with the headers that every answer carries. */
export type BeginEvents = (res: ServerResponse) => void;

/** What Express and this service's server put on a response and its request. */
type Answered = ServerResponse & { startedAt?: number; req: IncomingMessage & { route?: { path: string } } };

/**
 * Answers carry helmet's headers and those of CORS. They are the same for every request from one origin, so they are computed once:
 * setting a dozen headers anew costs as much as parsing and validating the order.
 * @param origins those that browsers may call from; `*` for all
 */
export const createAnswers = (origins: readonly string[], onAnswer: OnAnswer): { answer: Answer; beginEvents: BeginEvents } => {
  const forOrigin = (origin: string | undefined): string[] =>
    headersOf(helmet(), cors({ origin: origin ?? false, exposedHeaders: ['Location', 'Retry-After', 'Preference-Applied'] }));
  const byOrigin = new Map(origins.map((origin) => [origin, forOrigin(origin)]));
  const otherwise = byOrigin.get('*') ?? [...forOrigin(undefined), 'Vary', 'Origin'];
  const common = (res: ServerResponse): string[] => byOrigin.get(res.req.headers.origin ?? '') ?? otherwise;

  return {
    answer: (res, status, body, headers = {}) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const all: OutgoingHttpHeader[] = [...common(res), 'Content-Length', String(Buffer.byteLength(text))];
      for (const [name, value] of Object.entries(headers)) all.push(name, value!);
      if (headers['Content-Type'] === undefined) all.push('Content-Type', 'application/json; charset=utf-8');
      res.writeHead(status, all);
      res.end(text);
      const { startedAt, req } = res as Answered;
      if (startedAt !== undefined) onAnswer(req.method ?? '', req.route?.path ?? 'unmatched', status, (performance.now() - startedAt) / 1_000);
    },
    beginEvents: (res) => {
      // The last one keeps nginx and its like from collecting events before they pass them on.
      const own = ['Content-Type', 'text/event-stream; charset=utf-8', 'Cache-Control', 'no-store', 'X-Accel-Buffering', 'no'];
      res.writeHead(200, [...common(res), ...own]);
    },
  };
};
