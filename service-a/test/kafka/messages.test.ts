import * as messages from '../../src/kafka/messages';
import type { Headers } from '../../src/kafka/record-headers';
import { canonicalText } from '../../src/processors/order';
import { anOrder, anOrderCreated, orderIdOf } from '../support/builders';
import { sample } from '../support/fakes';

const { orderCreatedText, readJson, UnreadableRecordError } = messages;

// As the codec has it for JSON.
const readOrderCreated = (key: Buffer | null, value: Buffer | null, headers?: Headers) =>
  messages.readOrderCreated(key, readJson(value), headers);
const readPaymentCompleted = (_key: Buffer | null, value: Buffer | null) => messages.readPaymentCompleted(readJson(value));
const readDeadLetter = (_key: Buffer | null, value: Buffer | null, headers?: Headers) => messages.readDeadLetter(value, headers, readJson);

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const keyOf = (orderId: string): Buffer => Buffer.from(orderId);
const theKey = keyOf(orderIdOf(0));
const theOrder = canonicalText(anOrder());
const parsed = (name: string): Record<string, unknown> => JSON.parse(sample(name).toString()) as Record<string, unknown>;

describe('a record of orders', () => {
  test('When it is the sample, then it says that the order was created at its timestamp', () => {
    expect(readOrderCreated(theKey, sample('order-created')))
      .toEqual({ kind: 'created', orderId: orderIdOf(0), order: theOrder, createdAt: '2026-11-22T10:00:00.000Z', attempts: 1 });
  });

  test('When it holds fields that are not known, then they are ignored', () => {
    const event = { ...anOrderCreated(), version: 2, data: { ...anOrder(), coupon: 'X', items: [{ ...anOrder().items[0], colour: 'red' }] } };
    expect(readOrderCreated(theKey, bytes(event))).toMatchObject({ order: theOrder });
  });

  test('When its uuids are in capitals, then they are lower-cased', () => {
    const event = anOrderCreated({ data: anOrder({ orderId: orderIdOf(0).toUpperCase() }) });
    expect(readOrderCreated(keyOf(orderIdOf(0).toUpperCase()), bytes(event))).toMatchObject({ orderId: orderIdOf(0), order: theOrder });
  });

  test.each<[string, Buffer | null, Buffer | null]>([
    ['has no value', theKey, null],
    ['is not UTF-8', theKey, Buffer.from([0xff])],
    ['is not JSON', theKey, Buffer.from('{')],
    ['is no event', theKey, bytes(null)],
    ['is another event', theKey, bytes({ ...anOrderCreated(), eventType: 'ORDER_CANCELLED' })],
    ['has no timestamp', theKey, bytes({ ...anOrderCreated(), timestamp: undefined })],
    ['has a faulty order', theKey, bytes(anOrderCreated({ data: anOrder({ amount: 0 }) }))],
    ['has no key', null, bytes(anOrderCreated())],
    ['has the key of another order', keyOf(orderIdOf(1)), bytes(anOrderCreated())],
  ])('When it %s, then it cannot be read', (_what, key, value) => {
    expect(() => readOrderCreated(key, value)).toThrow(UnreadableRecordError);
  });
});

describe('a record of payments', () => {
  test('When it is the sample, then it says that the order was paid', () => {
    expect(readPaymentCompleted(theKey, sample('payment-completed'))).toEqual({
      kind: 'paid', orderId: orderIdOf(0), paymentId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, at: '2026-11-22T10:00:00.250Z',
    });
  });

  test.each([
    ['another event', { ...parsed('payment-completed'), eventType: 'PAYMENT_REFUNDED' }],
    ['not completed', { ...parsed('payment-completed'), data: { orderId: orderIdOf(0), paymentId: orderIdOf(1), paymentStatus: 'pending' } }],
    ['without a payment id', { ...parsed('payment-completed'), data: { orderId: orderIdOf(0), paymentStatus: 'completed' } }],
  ])('When it is %s, then it cannot be read', (_what, event) => {
    expect(() => readPaymentCompleted(theKey, bytes(event))).toThrow(UnreadableRecordError);
  });
});

describe('a record of orders.DLT', () => {
  test.each([
    ['declined', { type: 'PaymentDeclinedError', message: 'payment gateway declined', retryCount: 0, failedAt: '2026-11-22T10:00:02.500Z' }],
    ['gateway-unavailable', { type: 'GatewayUnavailableError', message: 'gateway unavailable', retryCount: 3, failedAt: '2026-11-22T10:00:04.500Z' }],
  ])('When it is the sample %s, then it says how the order failed', (name, failure) => {
    expect(readDeadLetter(null, sample(`dead-letter-${name}`))).toMatchObject({ kind: 'failed', failure });
  });

  test.each(['bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])('When it is the sample %s, then it says nothing of an order', (name) => {
    expect(readDeadLetter(null, sample(`dead-letter-${name}`))).toBeUndefined();
  });

  test.each([
    ['white space', JSON.stringify(anOrderCreated(), null, 2)],
    ['a number written another way', JSON.stringify(anOrderCreated()).replace('99.99', '99.990')],
    ['a byte order mark', `\u{feff}${JSON.stringify(anOrderCreated())}`],
  ])('When its original is an order that travels as text for %s, then it says how the order failed', (_why, text) => {
    // The orders topic delivers the same order from the same bytes: what can be read there can be read here.
    expect(readOrderCreated(theKey, Buffer.from(text))).toMatchObject({ order: theOrder });
    const letter = { ...parsed('dead-letter-declined'), originalKey: orderIdOf(0), originalValue: text, originalValueEncoding: 'utf8' };
    expect(readDeadLetter(null, bytes(letter))).toMatchObject({ kind: 'failed', orderId: orderIdOf(0), order: theOrder });
  });

  test('When its original lies under the key of another order, then it says nothing of either', () => {
    expect(readDeadLetter(null, bytes({ ...parsed('dead-letter-declined'), originalKey: orderIdOf(1) }))).toBeUndefined();
  });

  test.each(['failedAt', 'errorType', 'retryCount', 'originalValueEncoding'])('When it lacks %s, then it cannot be read', (field) => {
    expect(() => readDeadLetter(null, bytes({ ...parsed('dead-letter-declined'), [field]: undefined }))).toThrow(UnreadableRecordError);
  });
});

/** Legal numbers that a double cannot hold as they are written: JSON.parse would make another amount of them. */
const TOO_LARGE = ['9007199254740993', '9007199254740992', '12345678901234567890.5', '1e16', '1e400', '9'.repeat(400)];

describe('12.15 numbers and times of other producers', () => {
  const text = JSON.stringify(anOrderCreated());

  test.each(TOO_LARGE)('When a record has the amount or the price %s, then it is no order, nor is the original of a dead letter', (number) => {
    for (const faulty of [text.replace('99.99', number), text.replace('49.995', number)]) {
      expect(() => readOrderCreated(theKey, Buffer.from(faulty))).toThrow(UnreadableRecordError);
      const letter = { ...parsed('dead-letter-declined'), originalKey: orderIdOf(0), originalValue: faulty, originalValueEncoding: 'utf8' };
      expect(readDeadLetter(null, bytes(letter))).toBeUndefined();
    }
  });

  test.each(['2026-11-22T21:10Z', '2026-11-22t21:10:00z', '2026-11-22 21:10:00.123456789+05:30', '1990-12-31T23:59:60Z'])(
    'When the time is %s, then each record can be read and shows it as it is', (time) => {
      expect(readOrderCreated(theKey, bytes({ ...anOrderCreated(), timestamp: time }))).toMatchObject({ createdAt: time });
      expect(readPaymentCompleted(theKey, bytes({ ...parsed('payment-completed'), timestamp: time }))).toMatchObject({ at: time });
      const letter = { ...parsed('dead-letter-declined'), failedAt: time };
      expect(readDeadLetter(null, bytes(letter))).toMatchObject({ failure: { failedAt: time } });
    });
});

describe('what a dead letter says of its failure', () => {
  const failureOf = (differences: object) => {
    const fact = readDeadLetter(null, bytes({ ...parsed('dead-letter-declined'), ...differences }));
    return fact?.kind === 'failed' ? fact.failure : undefined;
  };

  test('When it is long, then it is held to its thousandth character, and not to half of one', () => {
    expect(failureOf({ errorType: 't'.repeat(1_000), errorMessage: 'm'.repeat(1_000) })).toMatchObject({ type: 't'.repeat(1_000), message: 'm'.repeat(1_000) });
    const { type, message } = failureOf({ errorType: 't'.repeat(1_001), errorMessage: `${'m'.repeat(999)}${'🙂'.repeat(1_000_000)}` })!;
    expect([type, message]).toEqual(['t'.repeat(1_000), `${'m'.repeat(999)}\uFFFD`]);
  });
});

describe('a record that was redriven', () => {
  const declined = sample('dead-letter-declined');
  const attempts = (headers: Record<string, Buffer | Buffer[]>): unknown[] =>
    [readOrderCreated(theKey, sample('order-created'), headers), readDeadLetter(null, declined, headers)]
      .map((fact) => fact !== undefined && 'attempts' in fact && fact.attempts);

  test.each([['1', 2], ['3', 4], ['1000000', 1_000_001], ['0', 1]])('When redrive-count is %s, then there were %i attempts', (count, expected) => {
    expect(attempts({ 'redrive-count': Buffer.from(count) })).toEqual([expected, expected]);
  });

  test.each<[string, Buffer | Buffer[]]>([
    ['too high', Buffer.from('1000001')], ['negative', Buffer.from('-1')], ['no integer', Buffer.from('1.5')], ['no number', Buffer.from('one')],
    ['empty', Buffer.alloc(0)], ['with a space', Buffer.from('1 ')], ['given twice', [Buffer.from('1'), Buffer.from('2')]],
    ['long', Buffer.from('9'.repeat(10_000))],
  ])('When redrive-count is %s, then it counts as 0', (_what, count) => {
    expect(attempts({ 'redrive-count': count })).toEqual([1, 1]);
  });
});

describe('an order as published', () => {
  test('When its event is written, then it is the event that can be read again', () => {
    const { eventId, timestamp, data } = anOrderCreated();
    const text = orderCreatedText({ eventId, timestamp, order: canonicalText(data) });
    expect(JSON.parse(text)).toEqual(anOrderCreated());
    expect(readOrderCreated(theKey, Buffer.from(text))).toMatchObject({ order: theOrder, createdAt: timestamp });
  });

  test('When its fields come in another order, then the canonical text is the same', () => {
    const { items, currency, ...rest } = anOrder();
    const { productId, ...others } = items[0]!;
    expect(canonicalText({ items: [{ ...others, productId }], currency, ...rest })).toBe(theOrder);
  });
});

describe('12.2 values that are large in any way', () => {
  const MEGABYTE = 1_048_000;
  const filled = (part: string): string => part.repeat(Math.floor(MEGABYTE / part.length));
  const orderOf = (items: string): string => JSON.stringify(anOrderCreated()).replace(/"items":\[.*?\]/, `"items":[${items}]`);

  test.each([
    ['250,000 items that are none', orderOf(`${filled('0,')}0`)],
    ['as many items as there is room for', orderOf(`${filled('{},')}{}`)],
    ['lists in lists', filled('[')],
    ['a list of lists', `[${filled('[],')}0]`],
    ['one long number', filled('1')],
    ['one long time', JSON.stringify({ ...anOrderCreated(), timestamp: `2026-11-22T10:00:00.${filled('0')}` })],
    ['one long text', JSON.stringify({ ...anOrderCreated(), data: { orderId: filled('5') } })],
  ])('When it is %s, then each reader is done with it soon', (_what, value) => {
    const before = process.cpuUsage();
    for (const read of [readOrderCreated, readPaymentCompleted, readDeadLetter]) {
      expect(() => read(theKey, Buffer.from(value), {})).toThrow(UnreadableRecordError);
    }
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
  });
});

test('12.1 When redrive-count is of any kind, then it is a count or none, and nothing is thrown', () => {
  const values = [null, undefined, [], [null], [Buffer.from('1'), null], Buffer.alloc(0), Buffer.from([0xff]), '1', Buffer.alloc(1_000_000, '1')];
  const attempts = values.map((count) => readOrderCreated(theKey, sample('order-created'), { 'redrive-count': count }));
  expect(attempts.map((fact) => 'attempts' in fact && fact.attempts)).toEqual(values.map(() => 1));
});
