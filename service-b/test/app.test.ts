import request from 'supertest';
import { createApp } from '../src/app';
import { createMetrics } from '../src/metrics';
import { recordingLogger } from './support/fakes';

const holding = { paymentsWritable: true, deadLettersWritable: true, consumerJoined: true };

const anApp = ({ checks = holding, corsOrigins = ['*'] }: { checks?: Record<string, boolean> | (() => never); corsOrigins?: string[] } = {}) => {
  const { logger, lines } = recordingLogger();
  const metrics = createMetrics({ ordersTopic: 'orders' });
  return { app: createApp({ checks: typeof checks === 'function' ? checks : () => checks, corsOrigins, metrics, logger }), lines };
};

describe('GET /health', () => {
  test('When the process lives, then it is 200 whatever else is wrong', async () => {
    const response = await request(anApp({ checks: { consumerJoined: false } }).app).get('/health');
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ status: 'healthy', service: 'service-b' });
  });
});

describe('GET /ready', () => {
  test('When every check holds, then it is 200 and names each', async () => {
    const response = await request(anApp().app).get('/ready');
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ status: 'ready', service: 'service-b', checks: holding });
  });

  test.each(Object.keys(holding))('When %s does not hold, then it is 503 and names it', async (check) => {
    const checks = { ...holding, [check]: false };
    const response = await request(anApp({ checks }).app).get('/ready');
    expect(response.status).toBe(503);
    expect(response.body).toEqual({ status: 'not ready', service: 'service-b', checks });
  });
});

describe('anything else', () => {
  test.each([['GET', '/orders', 404], ['POST', '/health', 405], ['DELETE', '/ready', 405]] as const)(
    'When %s %s is asked for, then it is the problem %i', async (method, path, status) => {
      const response = await request(anApp().app)[method.toLowerCase() as 'get' | 'post' | 'delete'](path);
      expect(response.status).toBe(status);
      expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(JSON.parse(response.text)).toMatchObject({ type: 'about:blank', status, title: expect.any(String) as string });
      if (status === 405) expect(response.headers['allow']).toBe('GET, HEAD');
    });

  test('When the address cannot be decoded, then it is no fault of the service', async () => {
    expect((await request(anApp().app).get('/%E0%A4%A')).status).toBeLessThan(500);
  });

  test('When something unforeseen happens, then it is a bare 500 and the log has the whole error', async () => {
    const error = new Error('secret of the checks');
    const { app, lines } = anApp({
      checks: () => {
        throw error;
      },
    });
    const response = await request(app).get('/ready');
    expect(response.status).toBe(500);
    expect(response.text).not.toMatch(/secret|\.ts|\.js/);
    expect(lines).toMatchObject([{ level: 'error', error }]);
  });

  test('When anything is asked for, then it carries the headers of helmet and cors', async () => {
    const { headers } = await request(anApp({ corsOrigins: ['https://ops.example'] }).app).get('/health').set('Origin', 'https://ops.example');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'access-control-allow-origin': 'https://ops.example' });
    expect(headers['x-powered-by']).toBeUndefined();
  });
});
