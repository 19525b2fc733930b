import { createRandom } from '../drill/random';
import { readTopic } from '../drill/read-topic';
import { createStage, type Stage } from '../drill/stage';
import { waitFor } from '../lib/process';

const ORDERS = 200;

/** Value of a metric with exactly these labels; NaN when there is none. */
const read = async (url: string): Promise<(series: string) => number> => {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  return (series) => Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? NaN);
};

describe('metrics of the pair', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await createStage({ name: 'metrics', brokers: process.env['KAFKA_BROKERS']!, random: createRandom(7), perSecond: 0 });
    await stage.untilReady();
  });
  afterAll(() => stage.close());

  test('When orders were posted, then both services count them as the topics do, and the lag goes back to 0', async () => {
    const { a, b, topics, reach } = stage;
    const body = '{"userId":"user-1","amount":9.5,"currency":"USD","items":[{"productId":"p","quantity":1,"price":9.5}]}';
    const headers = { 'content-type': 'application/json' };
    await Promise.all(Array.from({ length: ORDERS }, () => fetch(`${a.url}/orders`, { method: 'POST', headers, body })));
    await stage.settle();
    await waitFor('the lag to be 0', async () => {
      const ofB = await read(b.url);
      return [0, 1, 2].every((partition) => ofB(`kafka_consumer_lag_records{topic="${topics.orders}",partition="${partition}"}`) === 0);
    });
    const [ofA, ofB] = [await read(a.url), await read(b.url)];
    const letters = (await readTopic(reach, topics.deadLetters))
      .map(({ value }) => (JSON.parse(value!.toString()) as { errorType: string }).errorType);
    const paid = (await readTopic(reach, topics.payments)).length;
    expect(paid + letters.length).toBe(ORDERS);
    expect(ofA(`kafka_records_produced_total{topic="${topics.orders}",outcome="acknowledged"}`)).toBe(ORDERS);
    expect(ofA('http_request_duration_seconds_count{method="POST",route="/orders",status="202"}')).toBe(ORDERS);
    expect(ofA(`kafka_records_consumed_total{topic="${topics.payments}",outcome="applied"}`)).toBe(paid);
    expect(ofA('orders_held{status="completed"}')).toBe(paid);
    expect(ofA('orders_held{status="failed"}')).toBe(letters.length);
    expect(ofB(`kafka_records_consumed_total{topic="${topics.orders}",outcome="paid"}`)).toBe(paid);
    expect(ofB(`kafka_records_produced_total{topic="${topics.payments}",outcome="acknowledged"}`)).toBe(paid);
    expect(ofB('order_outcome_duration_seconds_count{outcome="paid"}')).toBe(paid);
    expect(ofB('order_outcome_duration_seconds_count{outcome="dead_lettered"}')).toBe(letters.length);
    expect(ofB('dead_letters_total{error_type="PaymentDeclinedError"}')).toBe(letters.filter((type) => type === 'PaymentDeclinedError').length);
    expect(ofB('service_ready')).toBe(1);
  });

  test('When an order is posted within a trace, then its records carry it on, and so do the log lines of both services', async () => {
    const { a, b, topics, reach } = stage;
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const place = async (orderId: string): Promise<void> => {
      const body = JSON.stringify({ orderId, userId: 'user-1', amount: 9.5, currency: 'USD', items: [{ productId: 'p', quantity: 1, price: 9.5 }] });
      const headers = { 'content-type': 'application/json', traceparent };
      expect((await fetch(`${a.url}/orders`, { method: 'POST', headers, body })).status).toBe(202);
      await fetch(`${a.url}/orders/${orderId}`, { headers: { Prefer: 'wait=10' } });
    };
    const [paid, declined] = ['550e8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-446655440002'];
    await place(paid);
    await place(declined);
    const carried = async (topic: string, orderId: string): Promise<unknown> => {
      const record = (await readTopic(reach, topic)).find(({ key }) => key?.toString() === orderId);
      return record?.headers.find(([name]) => name === 'traceparent')?.[1];
    };
    expect(await carried(topics.orders, paid)).toBe(traceparent);
    expect(await carried(topics.payments, paid)).toBe(traceparent);
    expect(await carried(topics.deadLetters, declined)).toBe(traceparent);
    const messages = ({ lines }: { lines: string[] }): string[] => lines
      .filter((line) => line.includes(traceId))
      .map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages(a)).toEqual(['order published', 'order updated', 'order published', 'order updated']);
    expect(messages(b)).toEqual(['order consumed', 'payment published', 'order consumed', 'order dead-lettered']);
  });
});
