import { isDeepStrictEqual } from 'node:util';
import type { IHeaders } from 'kafkajs';
import {
  originalOf, readDeadLetter, toDeadLetter, UnreadableDeadLetterError, type ConsumedRecord, type DeadLetter,
} from '../../src/kafka/dead-letter';
import { readOrder } from '../../src/kafka/messages';
import { PaymentDeclinedError } from '../../src/processors/order';
import { anOrderCreated, aRecord, orderIdOf, seededRandom } from '../support/builders';
import { sample } from '../support/fakes';

const failedAt = new Date('2026-11-22T10:00:02.500Z');

const declined = (): Error => new PaymentDeclinedError('payment gateway declined');

const wrapped = (record: ConsumedRecord, { error = declined(), retryCount = 0 }: { error?: Error; retryCount?: number } = {}) => {
  const { value, headers } = toDeadLetter({ record, error, retryCount, failedAt, groupId: 'service-b-consumers' });
  return { letter: JSON.parse(value) as DeadLetter, value, headers };
};

const wrappedValue = (value: Buffer | string | null): DeadLetter =>
  wrapped(aRecord({ value: value === null ? null : Buffer.from(value) })).letter;

const valueBack = (letter: DeadLetter): Buffer | null => originalOf(letter).value;
const keyBack = (letter: DeadLetter): Buffer | null => originalOf(letter).key;

describe('envelope', () => {
  test('When an order is declined, then its dead letter says what, where and why', () => {
    const error = new PaymentDeclinedError('payment gateway declined');
    expect(wrapped(aRecord(), { error }).letter).toEqual({
      originalTopic: 'orders', originalPartition: 1, originalOffset: '42', originalKey: orderIdOf(0),
      originalValue: anOrderCreated(), originalValueEncoding: 'json',
      errorType: 'PaymentDeclinedError', errorMessage: 'payment gateway declined', errorStack: error.stack,
      failedAt: '2026-11-22T10:00:02.500Z', retryCount: 0,
    });
  });

  test('When the offset is beyond 2^53, then it is told exactly', () => {
    expect(wrapped(aRecord({ offset: '9007199254740993' })).letter.originalOffset).toBe('9007199254740993');
  });

  test('When the error has no stack, then that is an empty text', () => {
    expect(wrapped(aRecord(), { error: Object.assign(new Error('x'), { stack: undefined }) }).letter.errorStack).toBe('');
  });

  test.each(['declined', 'gateway-unavailable', 'bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])(
    'When the original of the sample %s fails as it says, then its dead letter is the sample', (name) => {
      const letter = JSON.parse(sample(`dead-letter-${name}`).toString()) as DeadLetter;
      const { originalTopic, originalPartition, originalOffset, errorType, errorMessage, errorStack, retryCount } = letter;
      const message = { ...aRecord().message, key: keyBack(letter), value: valueBack(letter), offset: originalOffset };
      const error = Object.assign(new Error(errorMessage), { name: errorType, stack: errorStack });
      const record = { topic: originalTopic, partition: originalPartition, message };
      const { value } = toDeadLetter({ record, error, retryCount, failedAt: new Date(letter.failedAt), groupId: 'g' });
      expect(JSON.parse(value)).toEqual(letter);
    });

  test.each(['bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])('When the original of the sample %s is read, then it fails as it says', (name) => {
    const letter = JSON.parse(sample(`dead-letter-${name}`).toString()) as DeadLetter;
    expect(() => readOrder(keyBack(letter), valueBack(letter))).toThrow(letter.errorMessage);
  });
});

describe('original value', () => {
  test.each([
    ['an event', JSON.stringify(anOrderCreated())],
    ['a string', '"text"'],
    ['null', 'null'],
    ['an own __proto__', '{"__proto__":{"admin":true}}'],
    ['lone surrogates, escaped', '"\\ud800"'],
  ])('When it is %s that serialises to the same text, then it travels as JSON', (_what, text) => {
    const letter = wrappedValue(text);
    expect(letter.originalValueEncoding).toBe('json');
    expect(valueBack(letter)?.toString()).toBe(text);
  });

  test.each([
    ['is no JSON', '{"a":'],
    ['is empty', ''],
    ['has a number beyond 2^53', '{"offset":9007199254740993}'],
    ['has a number written another way', '{"amount":99.990}'],
    ['has minus zero', '{"amount":-0}'],
    ['has an infinite number', '{"amount":1e999}'],
    ['has white space', '{ "a": 1 }'],
    ['ends in a new line', '{"a":1}\n'],
    ['has a field twice', '{"a":1,"a":2}'],
    ['has fields that JavaScript would reorder', '{"b":1,"1":2}'],
    ['has escapes nobody needs', '"\\u0041"'],
    ['begins with a byte order mark', '\u{feff}{"a":1}'],
    ['is a byte order mark', '\u{feff}'],
  ])('When it %s, then it travels as its exact text', (_what, text) => {
    expect(wrappedValue(text)).toMatchObject({ originalValue: text, originalValueEncoding: 'utf8' });
  });

  test.each([
    ['a lone surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['an overlong form', Buffer.from([0xc0, 0x80])],
    ['a cut sequence', Buffer.from([0x61, 0xe2, 0x82])],
    ['UTF-16', Buffer.from('{"ä":1}', 'utf16le')],
  ])('When it is %s, then it travels as base64', (_what, bytes) => {
    const letter = wrappedValue(bytes);
    expect(letter).toMatchObject({ originalValue: bytes.toString('base64'), originalValueEncoding: 'base64' });
    expect(valueBack(letter)).toEqual(bytes);
  });

  test('When the record has none, then that is null', () => {
    expect(wrappedValue(null)).toMatchObject({ originalValue: null, originalValueEncoding: 'none' });
  });

  /** The deepest list of lists that JSON.stringify serialises at this depth of the call stack. */
  const deepestSerialised = (): number => {
    let [fits, tooDeep] = [1, 200_000];
    while (tooDeep - fits > 1) {
      const depth = Math.floor((fits + tooDeep) / 2);
      try {
        JSON.stringify(JSON.parse('['.repeat(depth) + ']'.repeat(depth)));
        fits = depth;
      } catch {
        tooDeep = depth;
      }
    }
    return fits;
  };

  const isExactAt = (depth: number, open: string, close: string): boolean => {
    const text = open.repeat(depth) + close.repeat(depth);
    const { value } = wrapped(aRecord({ value: Buffer.from(text) }));
    // What is nested too deep to be serialised is compared as text.
    return value.includes(`"originalValue":${text},"originalValueEncoding":"json"`)
      || value.includes(`"originalValue":${JSON.stringify(text)},"originalValueEncoding":"utf8"`);
  };

  test.each([1_000, 10_000, 50_000, 200_000])('When it is nested %i levels deep, then nothing of it is lost', (depth) => {
    expect(isExactAt(depth, '[', ']')).toBe(true);
  });

  test('When it is nested just as deep as can be serialised, then nothing of it is lost', () => {
    const limit = deepestSerialised();
    const lost = Array.from({ length: 120 }, (_, index) => limit - 100 + index).filter((depth) => !isExactAt(depth, '[', ']'));
    expect(lost).toEqual([]);
  });
});

describe('original key', () => {
  test('When the record has none, then that is null', () => {
    const { letter } = wrapped(aRecord({ key: null }));
    expect(letter.originalKey).toBeNull();
    expect(letter).not.toHaveProperty('originalKeyEncoding');
  });

  test('When it is not UTF-8, then it travels as base64', () => {
    const key = Buffer.from([0xff, 0x00]);
    expect(wrapped(aRecord({ key })).letter).toMatchObject({ originalKey: key.toString('base64'), originalKeyEncoding: 'base64' });
  });

  test('When it begins with a byte order mark, then that is kept', () => {
    expect(wrapped(aRecord({ key: Buffer.from('\u{feff}k') })).letter.originalKey).toBe('\u{feff}k');
  });
});

describe('headers', () => {
  test('When a record fails, then its headers say where and why under the names of KIP-1191', () => {
    expect(wrapped(aRecord(), { retryCount: 3 }).headers).toEqual({
      '__dlq.errors.topic': 'orders',
      '__dlq.errors.partition': '1',
      '__dlq.errors.offset': '42',
      '__dlq.errors.group': 'service-b-consumers',
      '__dlq.errors.delivery.count': '4',
      '__dlq.errors.message': 'payment gateway declined',
    });
  });

  test('When the original has headers, then they are kept, repeated ones too', () => {
    const headers = { 'trace': Buffer.from('t1'), 'via': [Buffer.from('a'), Buffer.from([0xff])], '__dlq.errors.topic': Buffer.from('an older failure') };
    expect(wrapped(aRecord({ headers })).headers).toMatchObject({ 'trace': [headers.trace], 'via': headers.via, '__dlq.errors.topic': 'orders' });
  });

  test('When a message is very long, then the header holds the beginning', () => {
    expect(wrapped(aRecord(), { error: new Error('x'.repeat(5_000)) }).headers['__dlq.errors.message']).toHaveLength(1_000);
  });

  const notText = null as unknown as Buffer;

  // Kafka allows a header without a value; KafkaJS hands it over as null. A name that every object has arrives with a function in front.
  test.each([
    ['no value', { trace: notText }],
    ['no value among values', { trace: [Buffer.from('a'), notText] }],
    ['the name of a method', { toString: [Object.prototype.toString as unknown as string, Buffer.from('a')] }],
  ])('When the original has a header with %s, then KafkaJS can send what becomes of it', (_what, headers) => {
    const parts = Object.values(wrapped(aRecord({ headers })).headers).flat();
    expect(parts.filter((part) => typeof part !== 'string' && !Buffer.isBuffer(part))).toEqual([]);
  });
});

describe('original', () => {
  const random = seededRandom(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const tokens = ['{', '}', '[', ']', ',', ':', '"', '"a"', '"__proto__"', '1', '-0', '1.0', '1e400', 'null', 'true', ' ', '\n', '\\', '\\u',
    'ä', '😀', '\u{feff}'];
  const bytes = (): Buffer => {
    const length = Math.floor(random() * 12);
    return random() < 0.5
      ? Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
      : Buffer.from(Array.from({ length }, () => pick(tokens)).join(''));
  };
  const bytesOrNull = (): Buffer | null => (random() < 0.1 ? null : bytes());
  const values = (): IHeaders[string] => (random() < 0.3 ? [bytes(), bytes(), bytes()] : bytes());
  const headers = (): IHeaders => Object.fromEntries(['trace', 'ä b', '', 'redrive-count', '__dlq.other', 'constructor']
    .filter(() => random() < 0.5).map((name) => [name, values()]));
  /** Every value of a header as a list: KafkaJS sends one and a list of one alike. */
  const listed = (some: IHeaders = {}) => Object.fromEntries(Object.entries(some).map(([name, value]) => [name, [value].flat()]));

  test('When it is any record, then it can be had back from its dead letter to the byte', () => {
    const any = Array.from({ length: 1_000 }, () => ({ key: bytesOrNull(), value: bytesOrNull(), headers: headers() }));
    const lost = any.filter((message) => {
      const written = wrapped(aRecord(message));
      const back = originalOf(readDeadLetter(Buffer.from(written.value)), written.headers);
      return !isDeepStrictEqual({ ...back, headers: listed(back.headers) }, { partition: 1, ...message, headers: listed(message.headers) });
    });
    expect(lost).toEqual([]);
  });

  test('When its dead letter is put back and fails again, then the second dead letter holds the same', () => {
    const first = wrapped(aRecord({ value: Buffer.from('{bad'), headers: { trace: Buffer.from([0xff]) } }));
    const original = originalOf(first.letter, first.headers);
    const second = wrapped(aRecord({ ...original, headers: { ...original.headers, 'redrive-count': '1', 'redrive-of': '2:41' } }));
    expect(originalOf(second.letter, second.headers)).toMatchObject({
      ...original, headers: { 'trace': [Buffer.from([0xff])], 'redrive-count': ['1'] },
    });
  });

  test('When it is nested too deep to be written out, then the dead letter counts as unreadable', () => {
    const depth = 100_000;
    const letter = { ...wrapped(aRecord()).letter, originalValue: JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown };
    expect(() => originalOf(letter)).toThrow(UnreadableDeadLetterError);
  });
});

describe('reading', () => {
  const { letter } = wrapped(aRecord());

  test('When a newer writer added a field, then the rest is read', () => {
    expect(readDeadLetter(Buffer.from(JSON.stringify({ ...letter, severity: 1 })))).toEqual(letter);
  });

  test.each([
    ['has no value', null, 'not JSON'],
    ['is no JSON', '{bad', 'not JSON'],
    ['is no object', '[]', 'value'],
    ['has no error type', JSON.stringify({ ...letter, errorType: undefined }), 'errorType'],
    ['failed at no time', JSON.stringify({ ...letter, failedAt: 'yesterday' }), 'failedAt'],
    ['has a negative count', JSON.stringify({ ...letter, retryCount: -1 }), 'retryCount'],
    ['has an unknown encoding', JSON.stringify({ ...letter, originalValueEncoding: 'gzip' }), 'originalValueEncoding'],
    ['has an object as text', JSON.stringify({ ...letter, originalValue: {}, originalValueEncoding: 'utf8' }), 'originalValue'],
    ['has JSON of nothing', JSON.stringify({ ...letter, originalValue: undefined }), 'originalValue'],
    ['has a value where there was none', JSON.stringify({ ...letter, originalValueEncoding: 'none' }), 'originalValue'],
  ])('When a record %s, then it is unreadable and the message names what is wrong', (_what, value, named) => {
    const read = () => readDeadLetter(value === null ? null : Buffer.from(value));
    expect(read).toThrow(UnreadableDeadLetterError);
    expect(read).toThrow(named);
  });
});
