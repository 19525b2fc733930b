import type { Request, RequestHandler } from 'express';
import { Problem } from './problem';

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined);

/** Browsers say where a request comes from; what is none says nothing, and has no password of somebody else's to send. */
const isFromElsewhere = (req: Request): boolean => {
  const site = req.get('Sec-Fetch-Site') ?? 'none';
  const origin = req.get('Origin');
  return !['same-origin', 'none'].includes(site) || (origin !== undefined && hostOf(origin) !== req.get('Host')?.toLowerCase());
};

/** Refuses what a page of another origin makes a browser send. */
export const sameOriginOnly: RequestHandler = (req, _res, next) => {
  next(isFromElsewhere(req) ? new Problem(403, 'Requests of pages of another origin are refused.') : undefined);
};
