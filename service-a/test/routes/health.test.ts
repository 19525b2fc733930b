import request from 'supertest';
import { anApp } from '../support/http';

describe('GET /health', () => {
  test('When the process lives, then it is 200 whatever else is wrong', async () => {
    const response = await request(anApp({ caughtUp: false, checks: { producerConnected: false } }).app).get('/health');
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ status: 'healthy', service: 'service-a' });
  });
});

describe('GET /ready', () => {
  test('When every check holds, then it is 200 and names each', async () => {
    const checks = { producerConnected: true, consumerJoined: true, stateCaughtUp: true };
    const response = await request(anApp({ checks }).app).get('/ready');
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ status: 'ready', service: 'service-a', checks });
  });

  test.each(['producerConnected', 'consumerJoined', 'stateCaughtUp'])('When %s does not hold, then it is 503 and names it', async (check) => {
    const checks = { producerConnected: true, consumerJoined: true, stateCaughtUp: true, [check]: false };
    const response = await request(anApp({ checks }).app).get('/ready');
    expect(response.status).toBe(503);
    expect(response.body).toEqual({ status: 'not ready', service: 'service-a', checks });
  });
});

describe('another method', () => {
  test.each(['/health', '/ready'])('When POST %s is asked for, then it is 405 with Allow', async (path) => {
    const response = await request(anApp().app).post(path);
    expect(response.status).toBe(405);
    expect(response.headers['allow']).toBe('GET, HEAD');
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  });
});
