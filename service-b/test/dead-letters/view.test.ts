import { letterOf } from '../../src/dead-letters/letter';
import { detailView } from '../../src/dead-letters/view';
import { toDeadLetter } from '../../src/kafka/dead-letter';
import type { LogRecord } from '../../src/kafka/log-reader';
import { aRecord, headersOfPairs, orderIdOf } from '../support/builders';
import { aDeadLetter, aLogRecord } from '../support/log';

const none = { board: undefined, traces: undefined };
const viewOf = (record: LogRecord, links: Parameters<typeof detailView>[2] = none) => detailView(record, letterOf(record), links);

/** The view of the dead letter of a record with this value. */
const viewOfValue = (value: Buffer | null) => {
  const written = toDeadLetter({ record: aRecord({ value }), error: new Error('x'), retryCount: 0, failedAt: new Date(0), groupId: 'g' });
  return viewOf(aLogRecord({ value: Buffer.from(written.value), headers: written.headers }));
};

test('When a dead letter is shown, then why it failed, where it came from and what it was are there', () => {
  expect(viewOf(aDeadLetter({ partition: 2, offset: '41' }))).toMatchObject({
    position: '2:41', orderId: orderIdOf(0), errorType: 'PaymentDeclinedError', errorMessage: 'payment gateway declined', state: 'open',
    originalTopic: 'orders', originalPartition: 1, originalOffset: '42', key: { text: orderIdOf(0), encoding: 'utf8' },
    value: { encoding: 'json', pretty: expect.stringContaining(`\n    "orderId": "${orderIdOf(0)}"`) as string },
    errorStack: expect.stringContaining('PaymentDeclinedError') as string, traceId: null,
  });
});

test.each([
  [Buffer.from('not json'), { encoding: 'utf8', text: 'not json', pretty: null, bytes: 8 }],
  [Buffer.from([0xff, 0x00]), { encoding: 'base64', text: '/wA=', pretty: null, bytes: 2 }],
  [null, { encoding: 'none', text: '', pretty: null, bytes: 0 }],
  [Buffer.from('{"a":[1]}'), { encoding: 'json', text: '{"a":[1]}', pretty: '{\n  "a": [\n    1\n  ]\n}', bytes: 9 }],
])('When the original is %p, then it is shown as what it is', (value, shown) => {
  expect(viewOfValue(value).value).toEqual(shown);
});

test('When the original is Avro and can be read, then it is shown as an event beside its bytes', () => {
  const written = toDeadLetter({ record: aRecord({ value: Buffer.from([0, 1]) }), error: new Error('x'), retryCount: 0, failedAt: new Date(0), groupId: 'g' });
  const { value } = viewOf(aLogRecord({ value: Buffer.from(written.value) }), { ...none, decoded: { eventType: 'ORDER_CREATED' } });
  expect(value).toEqual({ encoding: 'base64', text: 'AAE=', pretty: '{\n  "eventType": "ORDER_CREATED"\n}', bytes: 2 });
});

test('When what is to be shown is large or deep, then it is bounded', () => {
  const large = viewOfValue(Buffer.from(JSON.stringify({ a: 'x'.repeat(400_000) }))).value;
  expect(large).toMatchObject({ pretty: null, cut: true, bytes: 400_008 });
  expect(large.text).toHaveLength(262_144);
  expect(viewOfValue(Buffer.from('['.repeat(2_000) + ']'.repeat(2_000))).value).toMatchObject({ encoding: 'json', pretty: null });
  const many = viewOf(aDeadLetter({ headers: headersOfPairs(Array.from({ length: 1_000 }, (_, i) => [`h${i}`, 'x'.repeat(5_000)])) }));
  expect([many.headers.length, many.headers[0]![1]!.length, 'headersCut' in many]).toEqual([200, 4_096, true]);
});

test('When it cannot be read, then its own value is shown', () => {
  expect(viewOf(aLogRecord({ value: Buffer.from('{bad') }))).toMatchObject({
    errorType: null, errorMessage: 'not JSON', originalTopic: null, value: { encoding: 'utf8', text: '{bad' }, key: { text: null, encoding: 'none' },
  });
});

test('When addresses are set, then it is linked to the board and to its trace', () => {
  const traced = aDeadLetter({ headers: headersOfPairs([['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01']]) });
  const links = { board: 'http://board.example/', traces: 'http://traces.example/trace/' };
  expect(viewOf(traced, links)).toMatchObject({
    boardUrl: `http://board.example/#${orderIdOf(0)}`, traceUrl: 'http://traces.example/trace/4bf92f3577b34da6a3ce929d0e0e4736',
  });
  expect(viewOf(traced)).not.toHaveProperty('boardUrl');
  expect(viewOf(aDeadLetter(), links)).not.toHaveProperty('traceUrl');
});
