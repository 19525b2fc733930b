import { isUtf8 } from 'node:buffer';
import express, { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { v4 as uuid } from 'uuid';
import { orderRequestSchema, uuidSchema } from '../kafka/messages';
import { BrokerUnavailableError, OrderConflictError, QueueFullError, type PlaceOrder } from '../processors/place-order';
import { viewOf, type Projection } from '../processors/projection';
import { invalid, methodNotAllowed, Problem, unavailable } from './problem';

export type OrderRoutesDeps = {
  placeOrder: PlaceOrder;
  projection: Pick<Projection, 'get'>;
  /** False while the state is being rebuilt from the log: until then no answer about an order would be true. */
  caughtUp: () => boolean;
  bodyLimitBytes: number;
};

const requireJson: RequestHandler = (req, _res, next) => {
  if (req.is('application/json') === false) throw new Problem(415, 'Send the order as application/json.');
  next();
};

const rejectBadUtf8 = (_req: unknown, _res: unknown, body: Buffer): void => {
  if (!isUtf8(body)) throw new Problem(400, 'The body is not valid UTF-8.');
};

/** Passes a rejection on to Express 4, which does not wait for promises. */
const handled = (handler: (req: Request, res: Response) => Promise<void>): RequestHandler =>
  (req, res, next: NextFunction) => void handler(req, res).catch(next);

const toProblem = (error: unknown): unknown => {
  if (error instanceof OrderConflictError) return new Problem(409, 'This orderId stands for another order.');
  if (error instanceof QueueFullError) return unavailable('Too many orders are waiting. Post this one again: that is safe.');
  if (error instanceof BrokerUnavailableError) return unavailable('The order could not be confirmed in time. Post it again: that is safe.');
  return error;
};

export const orderRoutes = ({ placeOrder, projection, caughtUp, bodyLimitBytes }: OrderRoutesDeps): Router => {
  const requireState: RequestHandler = (_req, _res, next) => {
    if (!caughtUp()) throw unavailable('The orders are being read from the log.');
    next();
  };

  const router = Router();
  router.route('/orders')
    .post(
      requireState,
      requireJson,
      express.json({ limit: bodyLimitBytes, verify: rejectBadUtf8 }),
      handled(async (req, res) => {
        const parsed = orderRequestSchema.safeParse(req.body);
        if (!parsed.success) throw invalid(parsed.error);
        const orderId = parsed.data.orderId ?? uuid();
        const status = await placeOrder({ ...parsed.data, orderId }).catch((error: unknown) => {
          throw toProblem(error);
        });
        res.status(202).location(`/orders/${orderId}`).json({ message: 'Order accepted for processing', orderId, status });
      }),
    )
    .all(methodNotAllowed('POST'));

  router.route('/orders/:id')
    .get(requireState, (req, res) => {
      const id = uuidSchema.safeParse(req.params['id']);
      const entry = id.success ? projection.get(id.data) : undefined;
      const view = entry && viewOf(entry);
      if (view === undefined) throw new Problem(404, 'There is no order with this id.');
      res.json(view);
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
