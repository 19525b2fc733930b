import { SchemaNeededError } from '../../src/kafka/avro';
import { readJson } from '../../src/kafka/messages';
import { createOrderReader } from '../../src/kafka/order-record';
import { InvalidOrderError } from '../../src/processors/order';
import { anOrderCreated, aRecord, orderIdOf } from '../support/builders';

const ever = new AbortController().signal;

test('When a record is an order, then it is told at once, and how often it was put back', () => {
  const { readOrder, redriveOf } = createOrderReader(readJson);
  const record = aRecord({ headers: { 'redrive-count': Buffer.from('2') } });
  expect(readOrder(record, ever)).toEqual({ orderId: orderIdOf(0), userId: 'user-123', amount: 99.99, currency: 'USD' });
  expect([redriveOf(record), redriveOf(aRecord())]).toEqual([2, 0]);
});

test('When a record is no order, then it throws at once', () => {
  expect(() => createOrderReader(readJson).readOrder(aRecord({ value: Buffer.from('x') }), ever)).toThrow(InvalidOrderError);
});

describe('a schema is needed first', () => {
  const reading = (load: (signal: AbortSignal) => Promise<void>, event: unknown = anOrderCreated()) => {
    let asked = 0;
    return createOrderReader(() => {
      asked += 1;
      if (asked === 1) throw new SchemaNeededError('orders-value', 7, load);
      return event;
    });
  };

  test('When it is there, then the order is told', async () => {
    await expect(reading(async () => undefined).readOrder(aRecord(), ever)).resolves.toMatchObject({ orderId: orderIdOf(0) });
  });

  test('When the record is no order by it, then that is what is told', async () => {
    await expect(reading(async () => undefined, {}).readOrder(aRecord(), ever)).rejects.toThrow(InvalidOrderError);
  });

  test('When nobody waits any more, then the reason is told', async () => {
    const stopping = AbortSignal.abort(new Error('shutting down'));
    await expect(reading(async (signal) => signal.throwIfAborted()).readOrder(aRecord(), stopping)).rejects.toThrow('shutting down');
  });
});
