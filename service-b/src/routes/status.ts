import { Router } from 'express';
import type { ReadinessChecks } from './health';
import { methodNotAllowed } from './problem';

/** Pages of docs/runbooks. */
const RUNBOOKS = {
  ready: 'ServiceNotReady', lag: 'ConsumerLagGrowing', standing: 'ServiceNotReady', deadLetters: 'DeadLetterRatioHigh',
  gateway: 'DeadLetterRatioHigh', completions: 'NoCompletionsWhileOrdersComeIn',
} as const;

export type StatusDeps = {
  checks: ReadinessChecks;
  lags: () => readonly { partition: number; records: number }[];
  standing: () => readonly number[];
  gateway: () => object;
  rebalances: () => { last5m: number; total: number };
  restarts: () => number;
};

/** How the service stands, for a page to look at when the alert rings. */
export const statusRoutes = ({ checks, lags, standing, gateway, rebalances, restarts }: StatusDeps): Router => {
  const router = Router();
  router.route('/status')
    .get((_req, res) => {
      const stands = new Set(standing());
      res.set('Cache-Control', 'no-store').json({
        checks: Object.entries(checks()).map(([name, ok]) => ({ name, ok, runbook: RUNBOOKS.ready })),
        partitions: [...lags()].sort((one, other) => one.partition - other.partition)
          .map(({ partition, records }) => ({ partition, lag: records, standing: stands.has(partition) })),
        gateway: gateway(),
        rebalances: rebalances(),
        restartsLast5m: restarts(),
        runbooks: RUNBOOKS,
      });
    })
    .all(methodNotAllowed('GET, HEAD'));
  return router;
};
