import { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { v4 as uuid } from 'uuid';
import { listOrders } from '../processors/list-orders';
import { uuidSchema } from '../processors/order';
import { StoreUnavailableError, type OrderStore } from '../processors/order-store';
import { BrokerUnavailableError, NotAppendedError, OrderConflictError, QueueFullError, type PlaceOrder } from '../processors/place-order';
import { statusOf, type OrderEntry } from '../processors/projection';
import { viewOf } from '../processors/view';
import type { Waiters } from '../processors/waiters';
import { traceOf, type StartSpan } from '../utils/tracing';
import type { Answer, BeginEvents } from './answer';
import { createOpenEvents } from './events';
import { readJsonBody } from './json-body';
import { cursorOf, readListQuery } from './list-query';
import type { orderRequestSchema } from './order-request';
import { preferredWait } from './prefer';
import { invalid, methodNotAllowed, Problem, unavailable } from './problem';
import type { Streams } from './streams';

export type OrderRoutesDeps = {
  placeOrder: PlaceOrder;
  store: Pick<OrderStore, 'get' | 'newestFirst'>;
  waiters: Pick<Waiters, 'wait'>;
  streams: Pick<Streams, 'open'>;
  /** False while the state is being rebuilt from the log: until then no answer about an order would be true. */
  caughtUp: () => boolean;
  /** What a body has to be. */
  orderRequest: Pick<typeof orderRequestSchema, 'safeParse'>;
  bodyLimitBytes: number;
  /** Hears of each order that was posted and not accepted. */
  onRejected: (reason: RejectReason) => void;
  startSpan: StartSpan;
};

export type RejectReason = 'invalid' | 'conflict' | 'queue_full' | 'broker_unavailable' | 'store_unavailable' | 'rebuilding';

/** Why an order is not accepted, and what its client is told; undefined when the fault is ours. */
const rejectionOf = (error: unknown, orderId: string): { reason: RejectReason; problem: Problem } | undefined => {
  if (error instanceof OrderConflictError) return { reason: 'conflict', problem: new Problem(409, 'This orderId stands for another order.') };
  if (error instanceof QueueFullError) {
    const detail = 'Too many orders are waiting. Post this one again with its orderId: that is safe.';
    return { reason: 'queue_full', problem: unavailable(detail, orderId) };
  }
  if (error instanceof BrokerUnavailableError || error instanceof NotAppendedError) {
    const detail = 'The order could not be confirmed in time. Post it again with its orderId: that is safe.';
    return { reason: 'broker_unavailable', problem: unavailable(detail, orderId) };
  }
  if (error instanceof StoreUnavailableError) {
    return { reason: 'store_unavailable', problem: unavailable('The orders cannot be asked for now. Post this one again with its orderId: that is safe.', orderId) };
  }
  if (error instanceof Problem) return { reason: error.status === 503 ? 'rebuilding' : 'invalid', problem: error };
  return undefined;
};

/** By OpenTelemetry's semantic conventions for HTTP. */
const requestAttributes = { 'http.request.method': 'POST', 'http.route': '/orders', 'url.path': '/orders', 'url.scheme': 'http' };

/** Passes a rejection on to Express 4, which does not wait for promises. */
const handled = (handler: (req: Request, res: Response) => Promise<void>): RequestHandler =>
  (req, res, next: NextFunction) => void handler(req, res).catch(next);

/** Orders: placing, reading, listing, waiting for one, and streams of what happens to them. */
export const orderRoutes = ({
  placeOrder, store, waiters, streams, caughtUp, orderRequest, bodyLimitBytes, onRejected, startSpan, answer, beginEvents,
}: OrderRoutesDeps & {
  answer: Answer;
  beginEvents: BeginEvents;
}): Router => {
  const requireState = (): void => {
    if (!caughtUp()) throw unavailable('The orders are being read from the log.');
  };

  const find = async (text: string | undefined): Promise<{ orderId: string; entry: OrderEntry }> => {
    requireState();
    const id = uuidSchema.safeParse(text);
    const entry = id.success ? await store.get(id.data) : undefined;
    // Of some orders no more is known than that they were paid.
    if (!id.success || entry?.order === undefined) throw new Problem(404, 'There is no order with this id.');
    return { orderId: id.data, entry };
  };

  /** Resolves when the order is finished, when the time is over, or when nobody waits any more. */
  const untilFinished = async (text: string | undefined, seconds: number, res: Response): Promise<void> => {
    // From before it is looked at, so that no change falls in between.
    const { over, cancel } = waiters.wait(text?.toLowerCase() ?? '', seconds * 1_000);
    res.once('close', cancel);
    try {
      const { entry } = await find(text);
      if (statusOf(entry) === 'pending') await over;
    } finally {
      cancel();
    }
  };

  const openEvents = createOpenEvents({ streams, beginEvents });
  const router = Router();
  router.route('/orders')
    .get(handled(async (req, res) => {
      requireState();
      const { orders, next } = await listOrders(store, readListQuery(req.url));
      answer(res, 200, `{"orders":[${orders.join(',')}]${next === undefined ? '' : `,"next":"${cursorOf(next)}"`}}`);
    }))
    .post(handled(async (req, res) => {
      let orderId = '';
      const span = startSpan('server', 'POST /orders', { parent: traceOf(req.headers), attributes: () => requestAttributes });
      const end = (status: number, error?: unknown): void => span.end({ 'http.response.status_code': status }, error);
      try {
        requireState();
        const parsed = orderRequest.safeParse(await readJsonBody(req, res, bodyLimitBytes));
        if (!parsed.success) throw invalid('The body is not a valid order.', parsed.error);
        orderId = parsed.data.orderId ?? uuid();
        const status = await placeOrder({ ...parsed.data, orderId }, span.trace);
        end(202);
        answer(res, 202, { message: 'Order accepted for processing', orderId, status }, { Location: `/orders/${orderId}` });
      } catch (error) {
        const rejection = rejectionOf(error, orderId);
        if (rejection !== undefined) onRejected(rejection.reason);
        const status = rejection?.problem.status ?? 500;
        end(status, status < 500 ? undefined : error);
        throw rejection?.problem ?? error;
      }
    }))
    .all(methodNotAllowed('GET, HEAD, POST'));

  router.route('/orders/events')
    .get((req, res) => {
      requireState();
      openEvents(req, res);
    })
    .all(methodNotAllowed('GET, HEAD'));

  router.route('/orders/:id/events')
    .get(handled(async (req, res) => openEvents(req, res, (await find(req.params['id'])).orderId)))
    .all(methodNotAllowed('GET, HEAD'));

  router.route('/orders/:id')
    .get(handled(async (req, res) => {
      const seconds = preferredWait(req.get('Prefer'));
      if (seconds !== undefined) await untilFinished(req.params['id'], seconds, res);
      const { entry } = await find(req.params['id']);
      answer(res, 200, viewOf(entry)!, seconds === undefined ? {} : { 'Preference-Applied': `wait=${seconds}` });
    }))
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
