import { Router } from 'express';
import type { Metrics } from '../metrics';
import type { Answer } from './answer';
import { methodNotAllowed } from './problem';

/** What the service tells Prometheus. */
export const metricsRoutes = ({ metrics, answer }: { metrics: Pick<Metrics, 'text' | 'contentType'>; answer: Answer }): Router => {
  const router = Router();
  router.route('/metrics')
    .get((_req, res, next) => {
      metrics.text().then((text) => answer(res, 200, text, { 'Content-Type': metrics.contentType }), next);
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
