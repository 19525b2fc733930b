import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import { accessGuard } from './routes/access';
import { deadLetterRoutes, type DeadLetterRoutesDeps } from './routes/dead-letters';
import { healthRoutes, type ReadinessChecks } from './routes/health';
import { measureRequests, metricsRoutes } from './routes/metrics';
import { errorHandler, notFound } from './routes/problem';
import { pageRoutes, type PageFile } from './routes/static-page';
import { statusRoutes, type StatusDeps } from './routes/status';
import type { Logger } from './utils/logger';
import type { Metrics } from './metrics';
import type { FindHolder } from './utils/tokens';

/** What is there for whoever runs the service. */
export type OperatorDeps = { deadLetters: DeadLetterRoutesDeps; page: readonly PageFile[]; status: Omit<StatusDeps, 'checks'> };

/** The HTTP side of the service: health, readiness and metrics, and the operator's page, if it is on. */
export const createApp = ({ checks, corsOrigins, findHolder, metrics, operator, logger }: {
  checks: ReadinessChecks;
  corsOrigins: string[];
  /** Who asks; without it everybody may. */
  findHolder?: FindHolder | undefined;
  operator?: OperatorDeps | undefined;
  metrics: Pick<Metrics, 'request' | 'text' | 'contentType'>;
  logger: Logger;
}): Express => {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', false);
  app.use(measureRequests(metrics));
  app.use(helmet());
  if (findHolder !== undefined) app.use(accessGuard({ findHolder }));
  // Before CORS: what it lets other origins read are figures.
  if (operator !== undefined) {
    app.use(deadLetterRoutes(operator.deadLetters));
    app.use(statusRoutes({ checks, ...operator.status }));
    app.use(pageRoutes(operator.page));
  }
  app.use(cors({ origin: corsOrigins.includes('*') ? '*' : corsOrigins, methods: ['GET', 'HEAD'] }));
  app.use(healthRoutes({ service: 'service-b', checks }));
  app.use(metricsRoutes(metrics));
  app.use(notFound);
  app.use(errorHandler(logger));
  return app;
};
