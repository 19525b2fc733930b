import { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { v4 as uuid } from 'uuid';
import { orderRequestSchema, uuidSchema } from '../kafka/messages';
import { BrokerUnavailableError, OrderConflictError, QueueFullError, type PlaceOrder } from '../processors/place-order';
import { viewOf, type Projection } from '../processors/projection';
import type { Answer } from './answer';
import { readJsonBody } from './json-body';
import { invalid, methodNotAllowed, Problem, unavailable } from './problem';

export type OrderRoutesDeps = {
  placeOrder: PlaceOrder;
  projection: Pick<Projection, 'get'>;
  /** False while the state is being rebuilt from the log: until then no answer about an order would be true. */
  caughtUp: () => boolean;
  bodyLimitBytes: number;
};

/** Passes a rejection on to Express 4, which does not wait for promises. */
const handled = (handler: (req: Request, res: Response) => Promise<void>): RequestHandler =>
  (req, res, next: NextFunction) => void handler(req, res).catch(next);

const toProblem = (error: unknown, orderId: string): unknown => {
  if (error instanceof OrderConflictError) return new Problem(409, 'This orderId stands for another order.');
  if (error instanceof QueueFullError) return unavailable('Too many orders are waiting. Post this one again with its orderId: that is safe.', orderId);
  if (error instanceof BrokerUnavailableError) {
    return unavailable('The order could not be confirmed in time. Post it again with its orderId: that is safe.', orderId);
  }
  return error;
};

export const orderRoutes = ({ placeOrder, projection, caughtUp, bodyLimitBytes, answer }: OrderRoutesDeps & { answer: Answer }): Router => {
  const requireState = (): void => {
    if (!caughtUp()) throw unavailable('The orders are being read from the log.');
  };

  const router = Router();
  router.route('/orders')
    .post(handled(async (req, res) => {
      requireState();
      const parsed = orderRequestSchema.safeParse(await readJsonBody(req, bodyLimitBytes));
      if (!parsed.success) throw invalid(parsed.error);
      const orderId = parsed.data.orderId ?? uuid();
      try {
        const status = await placeOrder({ ...parsed.data, orderId });
        answer(res, 202, { message: 'Order accepted for processing', orderId, status }, { Location: `/orders/${orderId}` });
      } catch (error) {
        throw toProblem(error, orderId);
      }
    }))
    .all(methodNotAllowed('POST'));

  router.route('/orders/:id')
    .get((req, res) => {
      requireState();
      const id = uuidSchema.safeParse(req.params['id']);
      const entry = id.success ? projection.get(id.data) : undefined;
      const view = entry && viewOf(entry);
      if (view === undefined) throw new Problem(404, 'There is no order with this id.');
      answer(res, 200, view);
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
