import { createNewest, createStatistics, matches, summaryOf, type Summary } from '../../src/dead-letters/summary';
import { orderIdOf } from '../support/builders';
import { aDeadLetter, aLogRecord } from '../support/log';

const aSummary = (differences: Partial<Summary> = {}): Summary => ({ ...summaryOf(aDeadLetter()), ...differences });

describe('summary', () => {
  test('When a dead letter is read, then its summary says what is needed to choose', () => {
    expect(summaryOf(aDeadLetter({ partition: 2, offset: '41', number: 2, headers: { 'redrive-count': Buffer.from('1') } }))).toEqual({
      position: '2:41', failedAt: '2026-11-22T10:00:02.000Z', key: orderIdOf(2), errorType: 'PaymentDeclinedError',
      errorMessage: 'payment gateway declined', retryCount: 0, redriveCount: 1,
    });
  });

  test('When a record is no dead letter, then it has no error type, and the time when it was appended', () => {
    expect(summaryOf(aLogRecord({ value: Buffer.from('{bad'), timestamp: String(Date.parse('2026-11-22T10:00:03.000Z')) }))).toEqual({
      position: '0:0', failedAt: '2026-11-22T10:00:03.000Z', key: null, errorType: null, errorMessage: 'not JSON', retryCount: 0, redriveCount: 0,
    });
  });

  test.each(['-1', '9223372036854775807', ''])('When the time of such a record is %p, then it is read all the same', (timestamp) => {
    expect(Date.parse(summaryOf(aLogRecord({ timestamp })).failedAt)).not.toBeNaN();
  });

  test('When the key is not UTF-8, then it is shown as base64', () => {
    expect(summaryOf(aLogRecord({ key: Buffer.from([0xff, 0x00]) })).key).toBe('base64:/wA=');
  });

  test('When the message is very long, then the summary holds its beginning', () => {
    expect(summaryOf(aDeadLetter({ error: new Error('x'.repeat(5_000)) })).errorMessage).toHaveLength(1_000);
  });
});

describe('filter', () => {
  const at = Date.parse('2026-11-22T10:00:02.000Z');

  test.each([
    ['nothing', {}],
    ['its type', { type: 'PaymentDeclinedError' }],
    ['its order', { order: orderIdOf(0) }],
    ['its order in capitals', { order: orderIdOf(0).toUpperCase() }],
    ['its time as the first', { since: at }],
    ['a later end', { until: at + 1 }],
    ['everything about it', { type: 'PaymentDeclinedError', order: orderIdOf(0), since: at, until: at + 1 }],
  ])('When it asks for %s, then the dead letter is chosen', (_what, filter) => {
    expect(matches(filter, aSummary())).toBe(true);
  });

  test.each([
    ['another type', { type: 'InvalidOrderError' }],
    ['another order', { order: orderIdOf(1) }],
    ['a later time', { since: at + 1 }],
    ['its time as the end', { until: at }],
    ['its type of another order', { type: 'PaymentDeclinedError', order: orderIdOf(1) }],
  ])('When it asks for %s, then the dead letter is not chosen', (_what, filter) => {
    expect(matches(filter, aSummary())).toBe(false);
  });

  test('When a record has no key or cannot be read, then no order and no type chooses it', () => {
    expect(matches({ order: 'null' }, aSummary({ key: null }))).toBe(false);
    expect(matches({ type: 'null' }, aSummary({ errorType: null }))).toBe(false);
  });
});

describe('the newest', () => {
  test('When many are added in any order, then they are the last that failed, newest first, and all are counted', () => {
    const newest = createNewest(3);
    for (let i = 0; i < 5_000; i += 1) {
      const second = (i * 7) % 5_000;
      newest.add(aSummary({ position: `0:${i}`, failedAt: new Date(Date.UTC(2026, 10, 22) + second * 1_000).toISOString() }));
    }
    const { newest: found, total } = newest.result();
    expect(found.map(({ failedAt }) => failedAt)).toEqual(['2026-11-22T01:23:19.000Z', '2026-11-22T01:23:18.000Z', '2026-11-22T01:23:17.000Z']);
    expect(total).toBe(5_000);
  });

  test('When they failed at the same time, then the later position is the newer one', () => {
    const newest = createNewest(10);
    for (const position of ['0:9', '0:10', '1:2']) newest.add(aSummary({ position }));
    expect(newest.result().newest.map(({ position }) => position)).toEqual(['1:2', '0:10', '0:9']);
  });
});

test('When dead letters are counted, then each type has its oldest and newest, the most frequent first', () => {
  const statistics = createStatistics();
  for (const [errorType, failedAt] of [['A', '2'], ['B', '3'], ['B', '1'], [null, '4'], ['B', '2']] as const) statistics.add(aSummary({ errorType, failedAt }));
  expect(statistics.result()).toEqual([
    { errorType: 'B', count: 3, oldest: '1', newest: '3' },
    { errorType: 'A', count: 1, oldest: '2', newest: '2' },
    { errorType: null, count: 1, oldest: '4', newest: '4' },
  ]);
});
