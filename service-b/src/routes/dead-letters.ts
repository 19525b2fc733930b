import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { Events } from '../dead-letters/events';
import { NothingThereError } from '../dead-letters/log';
import type { ListQuery } from './letter-query';
import type { Plan } from '../dead-letters/redrive';
import type { RedriveRequest } from '../dead-letters/command';
import { RedriveRunsError, skippedOf, type Redrive, type Redrives } from '../dead-letters/redrives';
import { createOpenEvents } from './event-stream';
import { readJsonBody } from './json-body';
import { readListQuery, readRedriveRequest } from './letter-query';
import { methodNotAllowed, Problem } from './problem';
import { sameOriginOnly } from './same-site';

export type DeadLetterRoutesDeps = {
  /** A page of dead letters; rejects with a Problem while none can be read. */
  list: (query: ListQuery) => Promise<object>;
  /** One in full; undefined when it is not there. */
  detail: (partition: number, offset: bigint) => Promise<object | undefined>;
  /** What a redrive would do. */
  plan: (request: RedriveRequest, signal: AbortSignal) => Promise<Plan>;
  redrives: Pick<Redrives, 'start' | 'get' | 'list' | 'stop'>;
  events: Pick<Events, 'open'>;
  /** Somebody listens. */
  listened: () => void;
};

const BODY_BYTES = 65_536;

/** Passes a rejection on to Express 4, which does not wait for promises. */
const handled = (handler: (req: Request, res: Response) => Promise<void>): RequestHandler =>
  (req, res, next) => void handler(req, res).catch(next);

const nowhere = (): Problem => new Problem(404, 'There is nothing at this address.');

/** Dead letters: listing, reading and putting them back. Nothing of it is kept by caches, or shown to other origins. */
export const deadLetterRoutes = ({ list, detail, plan, redrives, events, listened }: DeadLetterRoutesDeps): Router => {
  const openEvents = createOpenEvents(events);
  const redriveOf = (req: Request): Redrive => {
    const redrive = redrives.get(req.params['id'] ?? '');
    if (redrive === undefined) throw new Problem(404, 'There is no redrive with this id, or not any more.');
    return redrive;
  };

  /** Given up when nobody waits for it any more. */
  const planFor = async (request: RedriveRequest, res: Response): Promise<Plan> => {
    const gone = new AbortController();
    res.once('close', () => gone.abort(new Error('nobody waits')));
    try {
      return await plan(request, gone.signal);
    } catch (error) {
      if (error instanceof NothingThereError) throw new Problem(404, 'There is no dead letter at this position.');
      throw error;
    }
  };

  const start = (request: RedriveRequest, res: Response): void => {
    try {
      const redrive = redrives.start(request);
      res.status(202).location(`/dead-letters/redrives/${redrive.id}`).json(redrive);
    } catch (error) {
      if (!(error instanceof RedriveRunsError)) throw error;
      throw new Problem(409, 'A redrive is under way: wait for it, or stop it.', {
        headers: { Location: `/dead-letters/redrives/${error.id}` }, redrive: error.id,
      });
    }
  };

  const router = Router();
  router.use('/dead-letters', (_req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
  });

  router.route('/dead-letters')
    .get(handled(async (req, res) => void res.json(await list(readListQuery(req.url)))))
    .all(methodNotAllowed('GET, HEAD'));

  router.route('/dead-letters/events')
    .get((req, res) => {
      listened();
      openEvents(req, res);
    })
    .all(methodNotAllowed('GET, HEAD'));

  router.route('/dead-letters/redrives')
    .get((_req, res) => void res.json({ redrives: redrives.list() }))
    .post(sameOriginOnly, handled(async (req, res) => {
      const request = readRedriveRequest(await readJsonBody(req, res, BODY_BYTES));
      listened();
      if (!request.dryRun) {
        start(request, res);
        return;
      }
      const planned = await planFor(request, res);
      res.json({ chosen: planned.chosen, toPutBack: planned.toPutBack, skipped: skippedOf(planned) });
    }))
    .all(methodNotAllowed('GET, HEAD, POST'));

  router.route('/dead-letters/redrives/:id')
    .get((req, res) => {
      const redrive = redriveOf(req);
      if (req.accepts(['application/json', 'text/event-stream']) === 'text/event-stream') openEvents(req, res, redrive);
      else res.json(redrive);
    })
    .delete(sameOriginOnly, (req, res) => {
      redriveOf(req);
      res.status(202).json(redrives.stop(req.params.id));
    })
    .all(methodNotAllowed('GET, HEAD, DELETE'));

  router.route('/dead-letters/redrives/:id/events')
    .get((req, res) => openEvents(req, res, redriveOf(req)))
    .all(methodNotAllowed('GET, HEAD'));

  router.route('/dead-letters/:partition/:offset')
    .get(handled(async (req, res) => {
      const { partition = '', offset = '' } = req.params;
      if (!/^\d{1,9}$/.test(partition) || !/^\d{1,18}$/.test(offset)) throw nowhere();
      const found = await detail(Number(partition), BigInt(offset));
      if (found === undefined) throw new Problem(404, 'There is no dead letter at this position.');
      res.json(found);
    }))
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
