import express, { type ErrorRequestHandler, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { chargeRequestSchema } from './books';
import type { createCharging } from './charge';
import { faultsSchema, type createFaults } from './faults';

const keySchema = z.string().min(1).max(255);
const listSchema = z.object({
  reference: z.string().optional(), limit: z.coerce.number().int().min(1).max(1_000_000).default(100),
});

const problem = (res: Response, status: number, detail: string): void =>
  void res.status(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', status, detail }));

/** Faults can be set by whoever is on this machine, and from within the container. */
const fromLoopback: RequestHandler = (req, res, next) => {
  const from = req.socket.remoteAddress ?? '';
  if (/^(::ffff:)?127\.|^::1$/.test(from)) next();
  else problem(res, 403, 'Only from this machine.');
};

const onError: ErrorRequestHandler = (error: { status?: number }, _req, res, _next) => {
  problem(res, error.status ?? 503, error.status === undefined ? 'The ledger cannot be written.' : 'The body cannot be read.');
};

/** The provider's HTTP contract (docs/gateway.md), a list of all charges, and its faults. */
export const createApp = ({ charging, faults }: {
  charging: ReturnType<typeof createCharging>; faults: ReturnType<typeof createFaults>;
}) => {
  const app = express().disable('x-powered-by').disable('etag');
  app.use(express.json({ limit: '16kb' }));

  app.post('/charges', (req, res, next) => {
    const key = keySchema.safeParse(req.get('idempotency-key'));
    const body = chargeRequestSchema.safeParse(req.body);
    if (!key.success || !body.success) {
      problem(res, 400, key.success ? 'The body must hold reference, amount and currency.' : 'Idempotency-Key is missing.');
      return;
    }
    charging.charge(key.data, body.data).then((reply) => {
      if (reply.kind === 'reset') req.socket.resetAndDestroy();
      if (reply.kind !== 'answer') return;
      if (reply.status === 429) res.set('Retry-After', '1');
      if (reply.replayed === true) res.set('Idempotent-Replayed', 'true');
      res.status(reply.status).json(reply.body ?? { status: reply.status });
    }).catch(next);
  });

  app.get('/charges', (req, res) => {
    const query = listSchema.safeParse(req.query);
    if (!query.success) {
      problem(res, 400, 'limit is a number from 1 to 1000000.');
      return;
    }
    const { reference, limit } = query.data;
    res.json({ charges: reference === undefined ? charging.newest(limit) : charging.chargesOf(reference) });
  });

  app.get('/faults', fromLoopback, (_req, res) => void res.json(faults.current()));
  app.put('/faults', fromLoopback, (req, res) => {
    const body = faultsSchema.safeParse(req.body);
    if (!body.success) {
      problem(res, 400, z.prettifyError(body.error));
      return;
    }
    faults.set(body.data);
    res.json(faults.current());
  });

  app.get('/health', (_req, res) => void res.json({ status: 'healthy', service: 'provider' }));
  app.use((_req, res) => { problem(res, 404, 'There is POST /charges, GET /charges?reference=, GET and PUT /faults, GET /health.'); });
  app.use(onError);
  return app;
};
