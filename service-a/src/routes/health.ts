import { Router } from 'express';
import type { Answer } from './answer';
import { methodNotAllowed } from './problem';

/** Each thing the service needs to do its work, by name. */
export type ReadinessChecks = () => Record<string, boolean>;

/** Liveness and readiness. `GET /ready` is 200 when every check holds, else 503; it names each. */
export const healthRoutes = ({ service, checks, answer }: { service: string; checks: ReadinessChecks; answer: Answer }): Router => {
  const router = Router();
  router.route('/health')
    .get((_req, res) => answer(res, 200, { status: 'healthy', service }))
    .all(methodNotAllowed('GET, HEAD'));
  router.route('/ready')
    .get((_req, res) => {
      const results = checks();
      const ready = Object.values(results).every(Boolean);
      answer(res, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', service, checks: results }, ready ? {} : { 'Retry-After': 1 });
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
