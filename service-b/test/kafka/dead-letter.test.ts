import { isDeepStrictEqual } from 'node:util';
import type { ConsumedRecord } from '../../src/kafka/consumed-record';
import { originalOf, readDeadLetter, toDeadLetter, UnreadableDeadLetterError, type DeadLetter } from '../../src/kafka/dead-letter';
import { readJson, readOrder } from '../../src/kafka/messages';
import { blockOf, createHeaderWriter, headerBytesOf, headersOf } from '../../src/kafka/record-headers';
import { withMark } from '../../src/kafka/redrive-headers';
import { PaymentDeclinedError } from '../../src/processors/order';
import { anOrderCreated, aRecord, headersOfPairs, orderIdOf, pairsOf, seededRandom, type Pair } from '../support/builders';
import { sample } from '../support/fakes';

const failedAt = new Date('2026-11-22T10:00:02.500Z');

const declined = (): Error => new PaymentDeclinedError('payment gateway declined');

const wrapped = (record: ConsumedRecord, { error = declined(), retryCount = 0 }: { error?: Error; retryCount?: number } = {}) => {
  const { value, headers } = toDeadLetter({ record, error, retryCount, failedAt, groupId: 'service-b-consumers' });
  return { letter: JSON.parse(value) as DeadLetter, value, headers };
};

const wrappedOnly = (record: ConsumedRecord) => toDeadLetter({ record, error: declined(), retryCount: 0, failedAt, groupId: 'g' });

/** A text as its bytes, one character for one byte. */
const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

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

  test.each(['declined', 'gateway-unavailable', 'bad-json', 'not-utf8', 'no-value', 'key-not-utf8', 'headers'])(
    'When the original of the sample %s fails as it says, then its dead letter is the sample', (name) => {
      const letter = JSON.parse(sample(`dead-letter-${name}`).toString()) as DeadLetter;
      const { originalTopic, originalPartition, originalOffset, errorType, errorMessage, errorStack, retryCount } = letter;
      const { key, value: bytes, headers } = originalOf(letter);
      const { message } = aRecord({ key, value: bytes, offset: originalOffset, headers });
      const error = Object.assign(new Error(errorMessage), { name: errorType, stack: errorStack });
      const record = { topic: originalTopic, partition: originalPartition, message };
      const { value } = toDeadLetter({ record, error, retryCount, failedAt: new Date(letter.failedAt), groupId: 'g' });
      expect(JSON.parse(value)).toEqual(letter);
    });

  test.each(['bad-json', 'not-utf8', 'no-value', 'key-not-utf8'])('When the original of the sample %s is read, then it fails as it says', (name) => {
    const letter = JSON.parse(sample(`dead-letter-${name}`).toString()) as DeadLetter;
    expect(() => readOrder(keyBack(letter), readJson(valueBack(letter)))).toThrow(letter.errorMessage);
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

/** One of each kind. */
const odd: Pair[] = [
  ['a', '1'], ['b', '2'], ['a', '3'], ['traceparent', null], ['empty', ''], ['', 'no name'], ['__proto__', 'x'], ['toString', null],
  ['\x00"\\\n', latin1('é😀\u{feff}')], ['v', '\xff'], ['w', '\xff\x00\xff\x00\xff'], ['\xff\xff', 'text'], ['\xff', null],
  ['__dlq.errors.topic', 'of an older failure'], ['redrive-count', '1'],
];

describe('headers', () => {
  test('When a record fails, then its headers say where and why under the names of KIP-1191', () => {
    expect(pairsOf(wrapped(aRecord(), { retryCount: 3 }).headers)).toEqual([
      ['__dlq.errors.topic', 'orders'],
      ['__dlq.errors.partition', '1'],
      ['__dlq.errors.offset', '42'],
      ['__dlq.errors.group', 'service-b-consumers'],
      ['__dlq.errors.delivery.count', '4'],
      ['__dlq.errors.message', 'payment gateway declined'],
    ]);
  });

  test('12.4 When the original has headers, then the dead letter has them too, before those that say why', () => {
    const { headers } = wrapped(aRecord({ headers: headersOfPairs(odd) }));
    expect(pairsOf(headers).slice(0, odd.length)).toEqual(odd);
    expect(pairsOf(headers)[odd.length]).toEqual(['__dlq.errors.topic', 'orders']);
  });

  test('When a message is very long, then the header holds the beginning', () => {
    expect(wrapped(aRecord(), { error: new Error('x'.repeat(5_000)) }).headers['__dlq.errors.message']).toHaveLength(1_000);
  });
});

describe('12.4 original headers', () => {
  test('When the original has none, then the envelope has no field for them', () => {
    expect(wrapped(aRecord()).letter).not.toHaveProperty('originalHeaders');
  });

  test('When the original has some, then they are a list in their order, with null, and base64 for what is no UTF-8', () => {
    expect(wrapped(aRecord({ headers: headersOfPairs(odd) })).letter.originalHeaders).toEqual([
      ['a', '1'], ['b', '2'], ['a', '3'], ['traceparent', null], ['empty', ''], ['', 'no name'], ['__proto__', 'x'], ['toString', null],
      ['\u0000"\\\n', 'é😀\u{feff}'], ['v', '/w==', 'base64'], ['w', '/wD/AP8=', 'base64'], ['//8=', 'dGV4dA==', 'both'], ['/w==', null, 'both'],
      ['__dlq.errors.topic', 'of an older failure'], ['redrive-count', '1'],
    ]);
  });

  test('When the letter is read, then the original has just these, whatever headers the letter itself has', () => {
    const { value } = wrapped(aRecord({ headers: headersOfPairs(odd) }));
    const letter = readDeadLetter(Buffer.from(value));
    expect(pairsOf(originalOf(letter).headers)).toEqual(odd);
    expect(pairsOf(originalOf(letter, { other: 'x' }).headers)).toEqual(odd);
  });

  test('When an older version wrote the letter, then they are those of the letter, without what told of the failure', () => {
    const headers = headersOfPairs([['a', '1'], ['b', null], ['__dlq.errors.topic', 'orders'], ['a', '\xff'], ['__dlq.errors.message', 'x'], ['__dlq.er', '']]);
    expect(pairsOf(originalOf(wrapped(aRecord()).letter, headers).headers)).toEqual([['a', '1'], ['b', null], ['a', '\xff'], ['__dlq.er', '']]);
  });

  // The largest record of `orders` has 1,048,588 bytes with all it holds.
  const MOST_BYTES = 1_048_588;
  const MOST_IN_DLT = 10_485_760;
  test.each<[string, Pair]>([
    ['nothing', ['', null]], ['one byte that is no text', ['', '\xff']], ['a name that is no text', ['\xff', null]], ['both no text', ['\xff', '\xff']],
    ['a control character', ['\x01', null]], ['two control characters', ['\x01', '\x01']], ['a quote', ['"', '']], ['more that is no text', ['\xff\xff', '\xff\xff']],
    ['a megabyte of control characters', ['', '\x00'.repeat(1_048_000)]], ['a megabyte in the name', ['\xfe'.repeat(1_048_000), null]],
  ])('When the largest record is full of headers of %s, then its dead letter fits into its topic', (_what, pair) => {
    const writer = createHeaderWriter();
    const [name, value] = pair.map((text) => text && Buffer.from(text, 'latin1'));
    const size = 2 + pair[0].length + (pair[1]?.length ?? 0);
    for (let bytes = 0; bytes + size <= MOST_BYTES; bytes += size) writer.add(name ?? '', value ?? null);
    const written = wrappedOnly(aRecord({ key: null, value: Buffer.from('{bad'), headers: headersOf(writer.block()) }));
    // Batch and record take less than 200 bytes more.
    expect(Buffer.byteLength(written.value) + headerBytesOf(written.headers) + 200).toBeLessThan(MOST_IN_DLT);
  });
});

describe('12.2 cost of a dead letter', () => {
  test.each<[string, number, Pair]>([['without value', 524_000, ['', null]], ['of one character', 262_000, ['a', 'v']], ['that are no text', 349_000, ['', '\xff']]])(
    'When the original has a megabyte of headers %s, then it is wrapped, read and put back soon', (_what, count, [name, value]) => {
      const writer = createHeaderWriter();
      for (let index = 0; index < count; index += 1) writer.add(name, value && Buffer.from(value, 'latin1'));
      const block = writer.block();
      const before = process.cpuUsage();
      const written = wrappedOnly(aRecord({ value: Buffer.from('{bad'), headers: headersOf(block) }));
      const original = originalOf(readDeadLetter(Buffer.from(written.value)), written.headers);
      expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
      expect(blockOf(original.headers).bytes.equals(block.bytes)).toBe(true);
    });

  test.each([['lists', '[],'], ['objects', '{},'], ['numbers', '1.5,'], ['escapes', '"\\u0001",']])('When its value is a megabyte of %s, then that is soon done too', (_what, part) => {
    const value = Buffer.from(`[${part.repeat(1_048_000 / part.length)}0]`);
    const before = process.cpuUsage();
    expect(() => readOrder(null, readJson(value))).toThrow();
    const written = wrappedOnly(aRecord({ value }));
    expect(originalOf(readDeadLetter(Buffer.from(written.value))).value?.equals(value)).toBe(true);
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000);
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
  const names = ['trace', 'trace', 'ä b', '', 'redrive-count', '__dlq.other', '__dlq.errors.topic', 'constructor', '__proto__'];
  const headers = (): Pair[] => Array.from({ length: Math.floor(random() * 6) }, () =>
    [random() < 0.8 ? latin1(pick(names)) : bytes().toString('latin1'), bytesOrNull()?.toString('latin1') ?? null]);

  test('When it is any record, then it can be had back from its dead letter to the byte', () => {
    const any = Array.from({ length: 1_000 }, () => ({ key: bytesOrNull(), value: bytesOrNull(), headers: headers() }));
    const lost = any.filter(({ key, value, headers: pairs }) => {
      const written = wrapped(aRecord({ key, value, headers: headersOfPairs(pairs) }));
      const back = originalOf(readDeadLetter(Buffer.from(written.value)), written.headers);
      return !isDeepStrictEqual({ ...back, headers: pairsOf(back.headers) }, { partition: 1, key, value, headers: pairs });
    });
    expect(lost).toEqual([]);
  });

  test('When its dead letter is put back and fails again, then the second dead letter holds the same', () => {
    const first = wrapped(aRecord({ value: Buffer.from('{bad'), headers: { trace: Buffer.from([0xff]) } }));
    const original = originalOf(first.letter, first.headers);
    const second = wrapped(aRecord({ ...original, headers: withMark(original.headers, { count: 1, of: '2:41', letter: 'x' }) }));
    const back = originalOf(second.letter, second.headers);
    expect(back).toMatchObject({ key: original.key, value: original.value });
    expect(pairsOf(back.headers)).toEqual([['trace', '\xff'], ['redrive-count', '1'], ['redrive-of', '2:41'], ['redrive-letter', 'x']]);
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
    ['has headers that are no list', JSON.stringify({ ...letter, originalHeaders: { a: '1' } }), 'originalHeaders'],
    ['has a header without a name', JSON.stringify({ ...letter, originalHeaders: [[null, 'x']] }), 'originalHeaders'],
    ['has a header that is a number', JSON.stringify({ ...letter, originalHeaders: [['a', 1]] }), 'originalHeaders'],
    ['has a header of another encoding', JSON.stringify({ ...letter, originalHeaders: [['a', 'x', 'hex']] }), 'originalHeaders'],
    ['was at an offset that no log reaches', JSON.stringify({ ...letter, originalOffset: '9'.repeat(1_000_000) }), 'originalOffset'],
    ['has JSON of nothing', JSON.stringify({ ...letter, originalValue: undefined }), 'originalValue'],
    ['has a value where there was none', JSON.stringify({ ...letter, originalValueEncoding: 'none' }), 'originalValue'],
  ])('When a record %s, then it is unreadable and the message names what is wrong', (_what, value, named) => {
    const read = () => readDeadLetter(value === null ? null : Buffer.from(value));
    expect(read).toThrow(UnreadableDeadLetterError);
    expect(read).toThrow(named);
  });
});
