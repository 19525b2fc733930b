import cors from 'cors';
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Metrics } from './metrics';
import { accessGuard, type NameOf } from './routes/access';
import { createAnswers } from './routes/answer';
import { healthRoutes, type ReadinessChecks } from './routes/health';
import { metricsRoutes } from './routes/metrics';
import { orderRoutes, type OrderRoutesDeps } from './routes/orders';
import { errorHandler, notFound } from './routes/problem';
import { createRateLimit } from './routes/rate-limit';
import { pageRoutes, type PageFile } from './routes/static-page';
import type { Logger } from './utils/logger';
import type { FindHolder } from './utils/tokens';

/** The HTTP side of the service: no network and no Kafka of its own, so that tests can hold it. */
export const createApp = ({
  board, checks, corsOrigins, findHolder, logger, metrics, ratePerMinute, ...orders
}: Omit<OrderRoutesDeps, 'onRejected'> & {
  board: readonly PageFile[];
  checks: ReadinessChecks;
  /** Origins that browsers may call from; `*` for all. */
  corsOrigins: string[];
  /** Who asks; without it everybody may. */
  findHolder?: FindHolder | undefined;
  logger: Logger;
  metrics: Pick<Metrics, 'request' | 'rejected' | 'text' | 'contentType'>;
  /** Requests of each client, if they are bounded. */
  ratePerMinute?: number | undefined;
}): Express => {
  const { answer, beginEvents } = createAnswers(corsOrigins, metrics.request);
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', false);
  app.options('*', helmet(), cors({ origin: corsOrigins.includes('*') ? '*' : corsOrigins, methods: ['GET', 'HEAD', 'POST'] }));
  const limitBy = ratePerMinute === undefined ? undefined : (nameOf: NameOf) => createRateLimit({ perMinute: ratePerMinute, nameOf });
  if (findHolder !== undefined || limitBy !== undefined) app.use(accessGuard({ findHolder, limitBy }));
  app.use(orderRoutes({ ...orders, onRejected: metrics.rejected, answer, beginEvents }));
  app.use(healthRoutes({ service: 'service-a', checks, answer }));
  app.use(metricsRoutes({ metrics, answer }));
  app.use(pageRoutes(board));
  app.use(notFound);
  app.use(errorHandler({ answer, logger }));
  return app;
};
