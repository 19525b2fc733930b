import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import { healthRoutes, type ReadinessChecks } from './routes/health';
import { errorHandler, notFound } from './routes/problem';
import type { Logger } from './utils/logger';

/** The HTTP side of the service: health and readiness. */
export const createApp = ({ checks, corsOrigins, logger }: { checks: ReadinessChecks; corsOrigins: string[]; logger: Logger }): Express => {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(helmet());
  app.use(cors({ origin: corsOrigins.includes('*') ? '*' : corsOrigins, methods: ['GET', 'HEAD'] }));
  app.use(healthRoutes({ service: 'service-b', checks }));
  app.use(notFound);
  app.use(errorHandler(logger));
  return app;
};
