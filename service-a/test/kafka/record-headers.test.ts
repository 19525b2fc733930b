import { blockOf, createHeaderWriter, eachHeader, headerBytesOf, headersOf, type HeaderBlock, type Headers } from '../../src/kafka/record-headers';

type Listed = [name: string, value: string | null];

const blockOfList = (list: Listed[]): HeaderBlock => {
  const writer = createHeaderWriter();
  for (const [name, value] of list) writer.add(Buffer.from(name, 'latin1'), value === null ? null : Buffer.from(value, 'latin1'));
  return writer.block();
};

const listOf = (block: HeaderBlock): Listed[] => {
  const list: Listed[] = [];
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    list.push([block.bytes.toString('latin1', nameFrom, nameTo), valueFrom < 0 ? null : block.bytes.toString('latin1', valueFrom, end)]);
  });
  return list;
};

const text = (value: Headers[string]): unknown => (Array.isArray(value) ? value.map(text) : value?.toString() ?? value);

/** CPU time of this process that some work took, in milliseconds. */
const cpuOf = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
};

const odd: Listed[] = [
  ['a', '1'], ['b', null], ['a', null], ['', ''], ['a', '2'], ['__proto__', 'x'], ['toString', null], ['constructor', ''], ['\xff', '\xfe'], ['7', 'n'],
  ['long', 'v'.repeat(300)], ['n'.repeat(20_000), ''],
];

describe('12.4 headers keep what they are', () => {
  test('When they are of any kind, then the block holds them to the byte, in their order', () => {
    expect(listOf(blockOfList(odd))).toEqual(odd);
    expect(listOf(blockOf(headersOf(blockOfList(odd))))).toEqual(odd);
  });

  test('When one is asked for by its name, then it is there, a list if it is repeated, null if it has no value', () => {
    const headers: Headers = headersOf(blockOfList(odd));
    expect(['a', 'b', '', 'toString', '__proto__', 'constructor', '7', 'hasOwnProperty', 'A'].map((name) => text(headers[name])))
      .toEqual([['1', null, '2'], null, '', null, 'x', '', 'n', undefined, undefined]);
    expect(['a' in headers, 'valueOf' in headers]).toEqual([true, false]);
  });

  test('When they are listed as an object, then each name is there once, and no prototype is touched', () => {
    const headers: Headers = headersOf(blockOfList([['__proto__', 'x'], ['a', '1'], ['a', null]]));
    expect(Object.entries(headers).map(([name, value]) => [name, text(value)])).toEqual([['__proto__', 'x'], ['a', ['1', null]]]);
    expect(Object.keys({ ...headers })).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  test('When there are none, then nothing is there', () => {
    const headers: Headers = headersOf({ count: 0, bytes: Buffer.alloc(0) });
    expect([Object.keys(headers), headers['a'], headers['toString'], headerBytesOf(headers), headerBytesOf(undefined)]).toEqual([[], undefined, undefined, 0, 0]);
  });

  test('When they are given as an object, then a list is one header each, null stays null, and what is undefined is none', () => {
    const headers: Headers = { a: ['1', Buffer.from('2'), null], b: null, c: '', d: undefined, é: 'ü' };
    expect(listOf(blockOf(headers))).toEqual([['a', '1'], ['a', '2'], ['a', null], ['b', null], ['c', ''], ['\xc3\xa9', '\xc3\xbc']]);
    expect(headerBytesOf(headers)).toBe(blockOf(headers).bytes.length);
  });

  test('When a block is cut off or says that it holds more than it does, then what is there is read', () => {
    const { bytes } = blockOfList([['a', '1'], ['b', 'long value']]);
    for (let length = 0; length <= bytes.length; length += 1) {
      const headers: Headers = headersOf({ count: 2 ** 31 - 1, bytes: bytes.subarray(0, length) });
      expect(Object.keys(headers).length).toBeLessThanOrEqual(2);
    }
  });
});

describe('12.2 cost does not grow faster than size', () => {
  // As many as the largest record of `orders` has room for.
  test.each<[string, number, (index: number) => Listed]>([
    ['without name and value', 524_000, () => ['', null]],
    ['of one character', 260_000, (index) => [String.fromCharCode(97 + (index % 26)), 'v']],
    ['of names that all differ', 150_000, (index) => [index.toString(36), 'v']],
    ['of names that are numbers', 90_000, (index) => [String(index * 7_919), 'v']],
    ['of names that objects have', 70_000, (index) => [['__proto__', 'toString', 'constructor'][index % 3]!, null]],
  ])('When a megabyte of them is %s, then some are found in a moment, and all are listed soon', (_kind, count, of) => {
    const block = blockOfList(Array.from({ length: count }, (_, index) => of(index)));
    expect(block.bytes.length).toBeLessThan(1_100_000);
    const headers: Headers = headersOf(block);
    expect(cpuOf(() => {
      for (const name of ['traceparent', 'tracestate', 'redrive-count', 'redrive-of']) expect(headers[name]).toBeUndefined();
    })).toBeLessThan(400);
    expect(cpuOf(() => expect(Object.keys(headers).length).toBeGreaterThan(0))).toBeLessThan(4_000);
  });
});
