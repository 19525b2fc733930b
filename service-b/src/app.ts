import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import { healthRoutes, type ReadinessChecks } from './routes/health';
import { measureRequests, metricsRoutes } from './routes/metrics';
import { errorHandler, notFound } from './routes/problem';
import type { Logger } from './utils/logger';
import type { Metrics } from './utils/metrics';

/** The HTTP side of the service: health, readiness and metrics. */
export const createApp = ({ checks, corsOrigins, metrics, logger }: {
  checks: ReadinessChecks;
  corsOrigins: string[];
  metrics: Pick<Metrics, 'request' | 'text' | 'contentType'>;
  logger: Logger;
}): Express => {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(measureRequests(metrics));
  app.use(helmet());
  app.use(cors({ origin: corsOrigins.includes('*') ? '*' : corsOrigins, methods: ['GET', 'HEAD'] }));
  app.use(healthRoutes({ service: 'service-b', checks }));
  app.use(metricsRoutes(metrics));
  app.use(notFound);
  app.use(errorHandler(logger));
  return app;
};
