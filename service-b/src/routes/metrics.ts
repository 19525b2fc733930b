import { Router, type RequestHandler } from 'express';
import type { Metrics } from '../metrics';
import { methodNotAllowed } from './problem';

/** Measures each request of this service; they are few. */
export const measureRequests = (metrics: Pick<Metrics, 'request'>): RequestHandler => (req, res, next) => {
  const startedAt = performance.now();
  res.once('finish', () => {
    const { path = 'unmatched' } = (req.route ?? {}) as { path?: string };
    metrics.request(req.method, path, res.statusCode, (performance.now() - startedAt) / 1_000);
  });
  next();
};

/** What the service tells Prometheus. */
export const metricsRoutes = (metrics: Pick<Metrics, 'text' | 'contentType'>): Router => {
  const router = Router();
  router.route('/metrics')
    .get((_req, res, next) => {
      // `res.send` would write the type anew, in another order.
      metrics.text().then((text) => res.setHeader('Content-Type', metrics.contentType).end(text), next);
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
