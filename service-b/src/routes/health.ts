import { Router } from 'express';
import { methodNotAllowed } from './problem';

/** Each thing the service needs to do its work, by name. */
export type ReadinessChecks = () => Record<string, boolean>;

/** Liveness and readiness. `GET /ready` is 200 when every check holds, else 503; it names each. */
export const healthRoutes = ({ service, checks }: { service: string; checks: ReadinessChecks }): Router => {
  const router = Router();
  router.route('/health')
    .get((_req, res) => {
      res.json({ status: 'healthy', service });
    })
    .all(methodNotAllowed('GET, HEAD'));
  router.route('/ready')
    .get((_req, res) => {
      const results = checks();
      const ready = Object.values(results).every(Boolean);
      if (!ready) res.set('Retry-After', '1');
      res.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready', service, checks: results });
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
