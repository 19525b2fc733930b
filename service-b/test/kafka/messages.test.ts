import { paymentCompletedText, readJson, readOrder as readDecoded } from '../../src/kafka/messages';
import { InvalidOrderError } from '../../src/processors/order';
import type { PaymentCompleted } from '../../src/processors/payment';
import { anOrder, anOrderCreated, bytesOf, orderIdOf } from '../support/builders';
import { sample } from '../support/fakes';

// As the codec has it for JSON.
const readOrder = (key: Buffer | null, value: Buffer | null) => readDecoded(key, readJson(value));

const theKey = Buffer.from(orderIdOf(0));
const theOrder = { orderId: orderIdOf(0), userId: 'user-123', amount: 99.99, currency: 'USD' };

const faultOf = (key: Buffer | null, value: Buffer | null): string => {
  try {
    readOrder(key, value);
  } catch (error) {
    if (error instanceof InvalidOrderError) return error.message;
    throw error;
  }
  throw new Error('the order is valid');
};

const faultOfOrder = (differences: Record<string, unknown>): string =>
  faultOf(theKey, bytesOf(anOrderCreated({ data: anOrder(differences) })));

describe('a record is an order', () => {
  test('When it is the sample, then it can be charged', () => {
    expect(readOrder(theKey, sample('order-created'))).toEqual(theOrder);
  });

  test('When it holds fields that are not known, then they are ignored', () => {
    expect(readOrder(theKey, bytesOf({ ...anOrderCreated(), version: 2, data: anOrder({ coupon: 'X' }) }))).toEqual(theOrder);
  });

  test('When its id is in capitals, in the key or the value, then it is lower-cased', () => {
    const capitals = orderIdOf(0).toUpperCase();
    expect(readOrder(Buffer.from(capitals), bytesOf(anOrderCreated({ data: anOrder({ orderId: capitals }) })))).toEqual(theOrder);
  });

  test.each(['2026-11-22T21:10Z', '2026-11-22t21:10:00z', '2026-11-22 21:10:00.123456789+05:30', '1990-12-31T23:59:60Z'])(
    '12.15 When another producer writes the time as %s, then it can be charged', (timestamp) => {
      expect(readOrder(theKey, bytesOf(anOrderCreated({ timestamp })))).toEqual(theOrder);
    });

  test('When it begins with a byte order mark, then it can be charged', () => {
    expect(readOrder(theKey, Buffer.from(`\u{feff}${JSON.stringify(anOrderCreated())}`))).toEqual(theOrder);
  });
});

describe('a record is no order', () => {
  test.each<[string, string, Buffer | null, Buffer | null]>([
    ['has no value', 'record has no value', theKey, null],
    ['is empty', 'value is not valid JSON', theKey, Buffer.alloc(0)],
    ['is not UTF-8', 'value is not valid UTF-8', theKey, Buffer.from([0xc3, 0x28])],
    ['is not JSON', 'value is not valid JSON', theKey, Buffer.from('{')],
    ['is no event', 'event: ', theKey, Buffer.from('null')],
    ['is another event', 'eventType: ', theKey, bytesOf(anOrderCreated({ eventType: 'ORDER_CANCELLED' }))],
    ['has no event id', 'eventId: ', theKey, bytesOf(anOrderCreated({ eventId: undefined }))],
    ['has no time', 'timestamp: ', theKey, bytesOf(anOrderCreated({ timestamp: 'yesterday' }))],
    ['has no key', 'record has no key', null, bytesOf(anOrderCreated())],
    ['has the key of another order', 'key differs from data.orderId', Buffer.from(orderIdOf(1)), bytesOf(anOrderCreated())],
    ['has a key that is not UTF-8', 'key differs from data.orderId', Buffer.from([0xff]), bytesOf(anOrderCreated())],
  ])('When it %s, then the error says so', (_what, message, key, value) => {
    expect(faultOf(key, value)).toContain(message);
  });

  const item = { productId: 'p', quantity: 1, price: 0 };

  test.each<[string, unknown]>([
    ['orderId', 'no-uuid'], ['userId', ''], ['userId', 'u'.repeat(129)], ['amount', 0], ['amount', '99.99'], ['amount', null], ['currency', 'usd'],
    ['currency', 'USD\n'], ['items', []], ['items', Array(501).fill(item)], ['items.0.quantity', [{ ...item, quantity: 1.5 }]],
    ['items.0.price', [{ ...item, price: -1 }]], ['items.0.productId', [{ ...item, productId: '' }]],
  ])('When %s is faulty (case %#), then the error names it', (path, value) => {
    expect(faultOfOrder({ [path.split('.')[0]!]: value })).toContain(`data.${path}: `);
  });

  test('When an amount is beyond every number, then the error names it', () => {
    expect(faultOf(theKey, Buffer.from(JSON.stringify(anOrderCreated()).replace('99.99', '1e999')))).toContain('data.amount: ');
  });

  test.each(['9007199254740993', '9007199254740992', '1e16', '1e400'])('12.15 When an amount or a price is %s, then it is not charged', (number) => {
    const text = JSON.stringify(anOrderCreated());
    expect(faultOf(theKey, Buffer.from(text.replace('99.99', number)))).toContain('data.amount: ');
    expect(faultOf(theKey, Buffer.from(text.replace('49.995', number)))).toContain('data.items.0.price: ');
  });

  test('When there are very many faults, then the message stays short', () => {
    const message = faultOfOrder({ items: Array(500).fill({ productId: '', quantity: 0, price: -1 }) });
    expect(message).toMatch(/; and 1490 more$/);
    expect(message.length).toBeLessThan(1_000);
  });
});

test.each([9.5, 1e21, 1e-7, 0.1 + 0.2])('When a payment of %p is written, then it is what JSON.stringify would write', (amount) => {
  const at = '2026-11-22T10:00:02.000Z';
  const event: PaymentCompleted = {
    eventType: 'PAYMENT_COMPLETED', eventId: '0c4a1f6e-3c52-4c2e-9a57-6a8f0f3b1d10', timestamp: at,
    data: { orderId: orderIdOf(1), paymentId: orderIdOf(2), paymentStatus: 'completed', amount, currency: 'USD', processedAt: at },
  };
  expect(paymentCompletedText(event)).toBe(JSON.stringify(event));
});
