import { toDeadLetter } from '../../src/kafka/dead-letter';
import { cell, detailOf, detailText, jsonLines, listText, statisticsText } from '../../src/dead-letters/format';
import { summaryOf } from '../../src/dead-letters/summary';
import { aRecord, headersOfPairs, orderIdOf, type Pair } from '../support/builders';
import { aDeadLetter, aLogRecord } from '../support/log';

/** The dead letter of a record with this value. */
const aDeadLetterOf = (value: Buffer | null) => {
  const written = toDeadLetter({ record: aRecord({ value }), error: new Error('x'), retryCount: 0, failedAt: new Date(0), groupId: 'g' });
  return aLogRecord({ value: Buffer.from(written.value), headers: written.headers });
};

describe('tables', () => {
  test('When dead letters are listed, then the columns stand below their titles', () => {
    const text = listText([aDeadLetter({ partition: 2, offset: '41', number: 2 }), aLogRecord({ value: Buffer.from('{bad') })].map(summaryOf));
    expect(text.split('\n')).toEqual([
      'POSITION  FAILED AT                 ORDER OR KEY                          TYPE                  RETRIES  REDRIVES  MESSAGE',
      `2:41      2026-11-22T10:00:02.000Z  ${orderIdOf(2)}  PaymentDeclinedError  0        0         payment gateway declined`,
      '0:0       2026-11-22T10:00:02.000Z  -                                     (unreadable)          0        0         not JSON',
    ]);
  });

  test('When types are counted, then each has its line', () => {
    expect(statisticsText([{ errorType: null, count: 2, oldest: '2026', newest: '2027' }]).split('\n')).toEqual([
      'TYPE          COUNT  OLDEST  NEWEST', '(unreadable)  2      2026    2027',
    ]);
  });

  test('When a text is long, has lines or commands for the terminal, then its cell is short, one line and harmless', () => {
    expect(cell(`a\nb\tc \u001b[31m \u202e \u0085 ${'x'.repeat(100)}`)).toBe(`a b c \\u{1b}[31m \\u{202e} \\u{85} ${'x'.repeat(26)}…`);
    expect(cell('ä 😀 漢')).toBe('ä 😀 漢');
  });
});

test('When documents are written as JSON, then each is one line', () => {
  expect(jsonLines([{ text: 'a\nb' }, { n: 1 }])).toBe('{"text":"a\\nb"}\n{"n":1}');
});

describe('one in full', () => {
  const record = aDeadLetter({ partition: 2, offset: '41', headers: { 'via': [Buffer.from('a'), Buffer.from([0xff])], 'redrive-count': Buffer.from('1') } });

  test('When it is shown to people, then envelope, headers, original and stack are there', () => {
    const text = detailText(detailOf(record));
    for (const part of [
      'position    2:41', `key         ${orderIdOf(0)}`, 'redrives    1', 'failed      2026-11-22T10:00:02.000Z', 'original    orders 1:42',
      'error       PaymentDeclinedError: payment gateway declined', '  via: a\n  via: base64:/w==\n', '  __dlq.errors.offset: 42\n',
      'original (json)\n{\n  "eventType": "ORDER_CREATED",\n', '"amount": 99.99', 'stack\nPaymentDeclinedError: payment gateway declined',
    ]) expect(text).toContain(part);
  });

  test('When it is for programs, then the envelope is as it was written', () => {
    expect(detailOf(record)).toMatchObject({
      position: '2:41', key: orderIdOf(0), redriveCount: 1, deadLetter: JSON.parse(record.message.value!.toString()) as unknown,
      headers: expect.arrayContaining([['via', 'a'], ['via', 'base64:/w=='], ['__dlq.errors.group', 'service-b-consumers']]) as unknown,
    });
  });

  test.each([
    ['text', Buffer.from('{bad \u001b[2J\nx'), 'original (utf8)\n{bad \\u{1b}[2J\nx\n'],
    ['a number beyond 2^53', Buffer.from('{"n":12345678901234567890}'), 'original (utf8)\n{"n":12345678901234567890}\n'],
    ['bytes', Buffer.from([0xff, 0x00]), 'original (base64)\nbase64:/wA=\n'],
    ['nothing', null, 'original (none)\n(none)\n'],
  ])('When the original is %s, then it is shown as it is', (_what, value, part) => {
    expect(detailText(detailOf(aDeadLetterOf(value)))).toContain(part);
  });

  test('When the record is no dead letter, then it says why and shows the value', () => {
    const detail = detailOf(aLogRecord({ value: Buffer.from('{bad'), headers: { trace: Buffer.from('t') } }));
    expect(detail).toMatchObject({ unreadable: 'not JSON', value: '{bad', headers: [['trace', 't']] });
    expect(detailText(detail)).toContain('unreadable  not JSON\n\nheaders\n  trace: t\n\nvalue\n{bad');
  });
});

describe('12.4 headers in full', () => {
  const shown = (pairs: Pair[]) => detailOf(aDeadLetter({ headers: headersOfPairs(pairs) }));

  test('When they are repeated, without a value or of a name that objects have, then they are shown as they are', () => {
    const detail = shown([['a', '1'], ['b', null], ['a', ''], ['toString', 'x'], ['\xff', '\xfe']]);
    expect(detail.headers.slice(0, 5)).toEqual([['a', '1'], ['b', null], ['a', ''], ['toString', 'x'], ['base64:/w==', 'base64:/g==']]);
    expect(detailText(detail)).toContain('headers\n  a: 1\n  b (no value)\n  a: \n  toString: x\n  base64:/w==: base64:/g==\n');
  });

  test('12.2 When there are very many, then people see the first hundred, and soon', () => {
    const pairs = Array.from({ length: 250_000 }, (): Pair => ['a', 'v']);
    const before = process.cpuUsage();
    const text = detailText(shown(pairs));
    expect(process.cpuUsage(before).user).toBeLessThan(4_000_000);
    expect(text).toContain('  a: v\n  and 249906 more, which --json shows\n');
  });
});
