import { createMetrics } from '../src/metrics';

const sources = {
  checks: () => ({ producerConnected: true, consumerJoined: false }),
  lags: () => [{ topic: 'orders', partition: 2, records: 7 }],
  queued: () => 3,
  counts: async () => ({ pending: 1, completed: 8, failed: 2 }),
  rebuildSeconds: () => 1.5,
  streams: () => 4,
  waiters: () => 5,
};

const scraped = async (metrics: ReturnType<typeof createMetrics>): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => !line.startsWith('#'));

describe('metrics', () => {
  test('12.21 When nothing has happened yet, then every series that can come up is there, at 0', async () => {
    const lines = await scraped(createMetrics({ ordersTopic: 'o', readTopics: ['o', 'p', 'd'] }));
    const zeroes = [
      ...['acknowledged', 'failed'].map((outcome) => `kafka_records_produced_total{topic="o",outcome="${outcome}"} 0`),
      ...['o', 'p', 'd'].flatMap((topic) => ['applied', 'unchanged', 'unreadable']
        .map((outcome) => `kafka_records_consumed_total{topic="${topic}",outcome="${outcome}"} 0`)),
      ...['invalid', 'conflict', 'queue_full', 'broker_unavailable', 'store_unavailable', 'rebuilding'].map((reason) => `orders_rejected_total{reason="${reason}"} 0`),
      'kafka_produce_batch_records_count{topic="o"} 0',
      'kafka_produce_duration_seconds_bucket{le="+Inf",topic="o"} 0',
      'kafka_consumer_rebalances_total 0',
      'kafka_consumer_restarts_total 0',
    ];
    expect(zeroes.filter((line) => !lines.includes(line))).toEqual([]);
  });

  test('When orders are published, read and refused, then each is counted under its labels', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders', readTopics: ['orders', 'payments'] });
    metrics.published(2, 0.004);
    metrics.publishFailed(3);
    metrics.consumed('payments', 'applied');
    metrics.consumed('payments', 'applied');
    metrics.consumed('orders', 'unreadable');
    metrics.rejected('conflict');
    metrics.joined();
    metrics.restarted();
    expect(await scraped(metrics)).toEqual(expect.arrayContaining([
      'kafka_records_produced_total{topic="orders",outcome="acknowledged"} 2',
      'kafka_records_produced_total{topic="orders",outcome="failed"} 3',
      'kafka_produce_batch_records_sum{topic="orders"} 2',
      'kafka_produce_duration_seconds_bucket{le="0.005",topic="orders"} 1',
      'kafka_produce_duration_seconds_bucket{le="0.0025",topic="orders"} 0',
      'kafka_records_consumed_total{topic="payments",outcome="applied"} 2',
      'kafka_records_consumed_total{topic="orders",outcome="unreadable"} 1',
      'orders_rejected_total{reason="conflict"} 1',
      'kafka_consumer_rebalances_total 1',
      'kafka_consumer_restarts_total 1',
    ]));
  });

  test('When it is scraped, then what can be asked is asked anew', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    let lags = sources.lags();
    metrics.watch({ ...sources, lags: () => lags });
    expect(await scraped(metrics)).toEqual(expect.arrayContaining([
      'service_ready 0',
      'service_ready_check{check="producerConnected"} 1',
      'service_ready_check{check="consumerJoined"} 0',
      'kafka_consumer_lag_records{topic="orders",partition="2"} 7',
      'kafka_produce_queue_records{topic="orders"} 3',
      'orders_held{status="completed"} 8',
      'state_rebuild_duration_seconds 1.5',
      'event_streams 4',
      'waiting_clients 5',
    ]));
    expect((await scraped(metrics)).filter((line) => line.startsWith('orders_held'))).toHaveLength(3);
    lags = [];
    expect((await scraped(metrics)).filter((line) => line.startsWith('kafka_consumer_lag_records'))).toEqual([]);
  });

  test('When the store cannot be asked, then its figures are left out, and all others are there', async () => {
    const metrics = createMetrics({ ordersTopic: 'orders' });
    metrics.watch({ ...sources, counts: () => Promise.reject(new Error('away')) });
    const lines = await scraped(metrics);
    expect(lines.filter((line) => line.startsWith('orders_held'))).toEqual([]);
    expect(lines).toContain('event_streams 4');
  });
});
