import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { createExpressServer } from '../../src/utils/server';
import { anOrder } from '../support/builders';
import { anApp } from '../support/http';

const served = async <T>(use: (url: string) => Promise<T>): Promise<T> => {
  const server = createExpressServer(anApp().app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

describe('GET /metrics', () => {
  test('When it is asked for, then it is in the text format of Prometheus', async () => {
    const response = await request(anApp().app).get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.text).toContain('# TYPE http_request_duration_seconds histogram');
    expect(response.text).toContain('process_cpu_seconds_total');
  });

  test('When another method is used, then it is 405', async () => {
    const response = await request(anApp().app).post('/metrics');
    expect(response.status).toBe(405);
    expect(response.headers['allow']).toBe('GET, HEAD');
  });

  test('When requests were answered, then each is measured under its route and status, and unknown paths under one name', async () => {
    const text = await served(async (url) => {
      await request(url).post('/orders').send(anOrder());
      await request(url).post('/orders').send({});
      await request(url).get('/orders/550e8400-e29b-41d4-a716-446655440999');
      await request(url).get('/nowhere/1');
      await request(url).get('/nowhere/2');
      return (await request(url).get('/metrics')).text;
    });
    const counts = text.split('\n').filter((line) => line.startsWith('http_request_duration_seconds_count'));
    expect(counts).toEqual([
      'http_request_duration_seconds_count{method="POST",route="/orders",status="202"} 1',
      'http_request_duration_seconds_count{method="POST",route="/orders",status="400"} 1',
      'http_request_duration_seconds_count{method="GET",route="/orders/:id",status="404"} 1',
      'http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 2',
    ]);
    expect(text).toContain('orders_rejected_total{reason="invalid"} 1');
  });

  test('When the server is a plain one, then requests are answered all the same', async () => {
    const response = await request(createServer(anApp().app)).get('/health');
    expect(response.status).toBe(200);
  });
});
