import request from 'supertest';
import { createApp } from '../src/app';
import { createMetrics } from '../src/metrics';
import { recordingLogger } from './support/fakes';

const sources = {
  checks: () => ({ paymentsWritable: true }),
  lags: () => [{ topic: 'orders', partition: 0, records: 12 }],
  queued: () => ({ 'payments': 1, 'orders.DLT': 2 }),
};

const anApp = (metrics = createMetrics({ ordersTopic: 'orders' })) =>
  createApp({ checks: sources.checks, corsOrigins: ['*'], metrics, logger: recordingLogger().logger });

const scraped = async (metrics: ReturnType<typeof createMetrics>): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => !line.startsWith('#'));

describe('metrics', () => {
  test('12.21 When nothing has happened yet, then every series that can come up is there, at 0', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    metrics.publishing('payments');
    const lines = await scraped(metrics);
    const zeroes = [
      ...['paid', 'dead_lettered'].flatMap((outcome) => [
        `kafka_records_consumed_total{topic="orders",outcome="${outcome}"} 0`,
        `order_outcome_duration_seconds_count{outcome="${outcome}"} 0`,
      ]),
      ...['acknowledged', 'failed'].map((outcome) => `kafka_records_produced_total{topic="payments",outcome="${outcome}"} 0`),
      ...['InvalidOrderError', 'PaymentDeclinedError', 'GatewayUnavailableError', 'other'].map((type) => `dead_letters_total{error_type="${type}"} 0`),
      ...['approved', 'declined', 'unavailable'].map((answer) => `payment_gateway_answers_total{answer="${answer}"} 0`),
      'kafka_produce_batch_records_count{topic="payments"} 0',
      'kafka_produce_duration_seconds_bucket{le="+Inf",topic="payments"} 0',
      'payment_retries_total 0',
      'kafka_consumer_rebalances_total 0',
      'kafka_consumer_restarts_total 0',
    ];
    expect(zeroes.filter((line) => !lines.includes(line))).toEqual([]);
  });

  test.each([
    ['has no timestamp', '-1'], ['has none at all', undefined], ['is from before 1970', '-9007199254740993'], ['has no number', 'NaN'],
    ['is yet to come', String(Date.now() + 60_000)], ['has its time in seconds', String(Math.floor(Date.now() / 1_000))], ['is of 1970', '0'],
    ['is of the year 292278994', '9223372036854775807'],
  ])('12.21 When a record %s, then its outcome is counted and the latency left as it is', async (_what, timestamp) => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    metrics.finished('paid', timestamp as string);
    expect(await scraped(metrics)).toEqual(expect.arrayContaining([
      'kafka_records_consumed_total{topic="orders",outcome="paid"} 1',
      'order_outcome_duration_seconds_count{outcome="paid"} 0',
      'order_outcome_duration_seconds_sum{outcome="paid"} 0',
    ]));
  });

  test('When orders find their outcomes, then outcomes, answers and errors are counted under their labels', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    metrics.finished('paid', String(Date.now() - 200));
    metrics.finished('dead_lettered', String(Date.now() - 60_000));
    metrics.answered('unavailable', 0);
    metrics.answered('approved', 1);
    metrics.deadLettered('PaymentDeclinedError');
    metrics.deadLettered('AnythingElse');
    metrics.publishing('payments').onSent(5, 0.001);
    metrics.publishing('orders.DLT').onFailed(1);
    expect(await scraped(metrics)).toEqual(expect.arrayContaining([
      'kafka_records_consumed_total{topic="orders",outcome="paid"} 1',
      'kafka_records_consumed_total{topic="orders",outcome="dead_lettered"} 1',
      'order_outcome_duration_seconds_bucket{le="0.1",outcome="paid"} 0',
      'order_outcome_duration_seconds_bucket{le="0.5",outcome="paid"} 1',
      'order_outcome_duration_seconds_bucket{le="30",outcome="dead_lettered"} 0',
      'order_outcome_duration_seconds_count{outcome="dead_lettered"} 1',
      'payment_gateway_answers_total{answer="unavailable"} 1',
      'payment_gateway_answers_total{answer="approved"} 1',
      'payment_retries_total 1',
      'dead_letters_total{error_type="PaymentDeclinedError"} 1',
      'dead_letters_total{error_type="other"} 1',
      'kafka_records_produced_total{topic="payments",outcome="acknowledged"} 5',
      'kafka_records_produced_total{topic="orders.DLT",outcome="failed"} 1',
    ]));
  });

  test('When it is scraped, then readiness, lag and queues are asked for', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    metrics.watch(sources);
    expect(await scraped(metrics)).toEqual(expect.arrayContaining([
      'service_ready 1',
      'kafka_consumer_lag_records{topic="orders",partition="0"} 12',
      'kafka_produce_queue_records{topic="orders.DLT"} 2',
    ]));
  });

  test('When it is asked for over HTTP, then it is in the text format of Prometheus, with the requests so far', async () => {
    const app = anApp();
    await request(app).get('/health');
    await request(app).get('/nowhere');
    const response = await request(app).get('/metrics');
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.text).toContain('http_request_duration_seconds_count{method="GET",route="/health",status="200"} 1');
    expect(response.text).toContain('http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1');
    expect((await request(app).post('/metrics')).status).toBe(405);
  });
});
