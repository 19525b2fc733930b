import request from 'supertest';
import { anApp } from './support/http';

describe('every answer', () => {
  test('When anything is asked for, then it carries the security headers of helmet and not the name of the framework', async () => {
    const { headers } = await request(anApp().app).get('/health');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
    expect(headers['content-security-policy']).toBeDefined();
    expect(headers['x-powered-by']).toBeUndefined();
  });

  test.each(['/order', '/board', '/favicon.ico', '/orders/1/items', '/metric'])('When the route %s is not known, then it is 404', async (path) => {
    const response = await request(anApp().app).get(path);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(response.text)).toMatchObject({ type: 'about:blank', title: 'Not Found', status: 404 });
    expect(response.status).toBe(404);
  });

  test('When the address cannot be decoded, then it is 404', async () => {
    const response = await request(anApp().app).get('/orders/%E0%A4%A');
    expect(response.status).toBe(404);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  });
});

describe('cors', () => {
  const origin = 'https://shop.example';

  test('When all origins may call, then any is allowed and may read Location, Retry-After and Preference-Applied', async () => {
    const { headers } = await request(anApp().app).get('/health').set('Origin', origin);
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Location,Retry-After,Preference-Applied' });
  });

  test('When the origin is on the list, then it is allowed', async () => {
    const { headers } = await request(anApp({ corsOrigins: [origin] }).app).get('/health').set('Origin', origin);
    expect(headers['access-control-allow-origin']).toBe(origin);
  });

  test('When the origin is not on the list, then it is not allowed', async () => {
    const { headers } = await request(anApp({ corsOrigins: [origin] }).app).get('/health').set('Origin', 'https://evil.example');
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('When a browser asks first, then it may post JSON', async () => {
    const response = await request(anApp().app).options('/orders')
      .set({ 'Origin': origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' });
    expect(response.status).toBe(204);
    expect(response.headers['access-control-allow-headers']).toBe('content-type');
  });

  test('When a browser asks whether it may wait and resume, then it may', async () => {
    const response = await request(anApp().app).options('/orders/events')
      .set({ 'Origin': origin, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'last-event-id,prefer' });
    expect(response.headers['access-control-allow-headers']).toBe('last-event-id,prefer');
  });
});
