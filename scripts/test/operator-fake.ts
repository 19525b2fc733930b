import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express, { type Response } from 'express';
import { pageRoutes, readPage } from '../../service-b/src/routes/static-page';

export type FakeLetter = {
  position: string; failedAt: string; orderId: string | null; errorType: string | null; errorMessage: string;
  retryCount: number; redriveCount: number; state: 'open' | 'putBack' | 'paid' | 'failedAgain';
};

export const aLetter = (number: number, differences: Partial<FakeLetter> = {}): FakeLetter => ({
  position: `0:${number}`, failedAt: new Date(Date.UTC(2026, 10, 22, 10, 0, number)).toISOString(),
  orderId: `550e8400-e29b-41d4-a716-${String(number).padStart(12, '0')}`, errorType: 'PaymentDeclinedError',
  errorMessage: 'payment gateway declined', retryCount: 0, redriveCount: 0, state: 'open', ...differences,
});

const aStatus = () => ({
  checks: [{ name: 'paymentsWritable', ok: true, runbook: 'ServiceNotReady' }, { name: 'consumerJoined', ok: false, runbook: 'ServiceNotReady' }],
  partitions: [{ partition: 0, lag: 1_200, standing: true }, { partition: 1, lag: 0, standing: false }],
  gateway: {
    answersLast5m: { approved: 80, declined: 20, unavailable: 1, conflict: 0 }, retriesLast5m: 3,
    callsUnderWay: 4, concurrency: 256, timeoutMs: 10_000,
  },
  rebalances: { last5m: 1, total: 4 }, restartsLast5m: 0, runbooks: {
    ready: 'ServiceNotReady', lag: 'ConsumerLagGrowing', standing: 'ServiceNotReady', deadLetters: 'DeadLetterRatioHigh',
    gateway: 'DeadLetterRatioHigh', completions: 'NoCompletionsWhileOrdersComeIn',
  },
});

type Redrive = Record<string, unknown> & { id: string; state: string };

/** The operator's API without a broker behind it: it answers what it is told to, and the page is the real one. */
export const createFake = async () => {
  const state = {
    letters: [] as FakeLetter[], redrives: [] as Redrive[], list: {} as object, detail: {} as object, status: aStatus(),
    plan: { chosen: 0, toPutBack: 0, skipped: [] as { reason: string; count: number }[] },
    /** An answer for the next POST instead of the usual one. */
    refusal: undefined as { status: number; detail: string } | undefined,
    posted: [] as unknown[],
  };
  const streams = new Set<Response>();
  const send = (event: string, data: unknown): void => streams.forEach((stream) => stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));

  const types = () => [...new Set(state.letters.map(({ errorType }) => errorType))].map((errorType) => {
    const those = state.letters.filter((letter) => letter.errorType === errorType);
    const paid = those.filter((letter) => letter.state === 'paid').length;
    return { errorType, count: those.length, putBack: those.filter((letter) => letter.state !== 'open').length, paid };
  });
  const problem = (res: Response, status: number, detail: string): void =>
    void res.status(status).type('application/problem+json').json({ status, detail });

  const app = express();
  app.get('/dead-letters', ({ query }, res) => {
    const { type, order, since, until } = query;
    const matching = state.letters.filter((letter) => (type === undefined || (letter.errorType ?? 'unreadable') === type)
      && (order === undefined || letter.orderId === order)
      && (typeof since !== 'string' || letter.failedAt >= since) && (typeof until !== 'string' || letter.failedAt < until));
    const from = Number(query['after'] ?? 0);
    const to = from + Number(query['limit']);
    const next = to < matching.length ? String(to) : null;
    const asOf = new Date().toISOString();
    res.json({ items: matching.slice(from, to), next, total: matching.length, types: types(), asOf, left: 0, ...state.list });
  });
  app.get('/dead-letters/events', (req, res) => {
    res.type('text/event-stream').write('retry: 200\n\n');
    streams.add(res);
    req.once('close', () => streams.delete(res));
  });
  app.route('/dead-letters/redrives')
    .get((_req, res) => void res.json({ redrives: state.redrives }))
    .post(express.json(), ({ body }: { body: { dryRun: boolean } }, res) => {
      state.posted.push(body);
      const { refusal } = state;
      state.refusal = undefined;
      if (refusal !== undefined) problem(res, refusal.status, refusal.detail);
      else if (body.dryRun) res.json(state.plan);
      else {
        state.redrives.unshift({
          ...state.plan, id: `r-${state.posted.length}`, state: 'running', startedAt: new Date().toISOString(), endedAt: null, putBack: 0,
          refused: [], paid: 0, failedAgain: 0, pending: 0, error: null,
        });
        res.status(202).json(state.redrives[0]);
      }
    });
  app.route('/dead-letters/redrives/:id')
    .get(({ params }, res) => {
      const found = state.redrives.find(({ id }) => id === params.id);
      if (found === undefined) problem(res, 404, 'There is no such redrive.');
      else res.json(found);
    })
    .delete(({ params }, res) => {
      move(params.id, { state: 'stopped' });
      res.status(202).json({});
    });
  app.get('/dead-letters/:partition/:offset', ({ params }, res) => {
    const found = state.letters.find(({ position }) => position === `${params.partition}:${params.offset}`);
    if (found === undefined) problem(res, 404, 'There is no dead letter there.');
    else res.json({ ...found, ...state.detail });
  });
  app.get('/status', (_req, res) => void res.json(state.status));
  app.use(pageRoutes(readPage(join(__dirname, '../../service-b/dist/page'))));

  const server = createServer(app);
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  /** Changes a redrive and tells the pages. */
  const move = (id: string, change: object): void => {
    const redrive = state.redrives.find((each) => each.id === id)!;
    Object.assign(redrive, change);
    send('redrive', redrive);
  };
  const leave = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    state,
    move,
    /** Tells the pages that something has changed. */
    change: (): void => send('change', { total: state.letters.length, types: types() }),
    listeners: (): number => streams.size,
    /** Nobody answers until `comeBack`. */
    leave,
    comeBack: (): Promise<void> => listen(port),
  };
};
