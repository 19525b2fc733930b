import type { KafkaMessage } from 'kafkajs';
import { onOwnBytes } from '../../src/kafka/own-bytes';
import { blockOf, createHeaderWriter, headersOf } from '../../src/kafka/record-headers';

const WHOLE_BYTES = 1_000_000;

const aHeaderBlock = () => {
  const writer = createHeaderWriter();
  for (const [name, value] of [['a', '1'], ['none', null], ['a', ''], ['toString', 'x']] as const) writer.add(name, value);
  return writer.block();
};

/** A record as KafkaJS hands it over: its parts lie one behind the other in all that was fetched. */
const aFetched = ({ key, value, block = { count: 0, bytes: Buffer.alloc(0) } }: {
  key: Buffer | null; value: Buffer | null; block?: { count: number; bytes: Buffer };
}): KafkaMessage => {
  const whole = Buffer.allocUnsafeSlow(WHOLE_BYTES);
  let end = 100;
  const put = (part: Buffer): Buffer => whole.subarray(end, end += part.copy(whole, end));
  return {
    offset: '7', timestamp: '1', attributes: 0, key: key && put(key), value: value && put(value),
    headers: headersOf({ count: block.count, bytes: put(block.bytes) }),
  };
};

/** Bytes of memory that a record holds. */
const heldBy = ({ key, value, headers }: KafkaMessage): number =>
  [...new Set([key, value, blockOf(headers).bytes].flatMap((part) => part?.buffer ?? []))]
    .reduce((sum, { byteLength }) => sum + byteLength, 0);

const records: [string, Parameters<typeof aFetched>[0]][] = [
  ['key, value and headers', { key: Buffer.from('key'), value: Buffer.from([0xff, 0, 1]), block: aHeaderBlock() }],
  ['no key', { key: null, value: Buffer.from('value') }],
  ['no value', { key: Buffer.from('key'), value: null }],
  ['headers alone', { key: null, value: null, block: aHeaderBlock() }],
  ['key and value empty', { key: Buffer.alloc(0), value: Buffer.alloc(0) }],
];

test.each(records)('When a record is a small part of what was fetched, then it is the same on bytes of its own: %s', (_what, parts) => {
  const fetched = aFetched(parts);
  const own = onOwnBytes(fetched);
  expect({ ...own, headers: blockOf(own.headers) }).toEqual({ ...fetched, headers: blockOf(fetched.headers) });
  expect(Object.entries(own.headers ?? {})).toEqual(Object.entries(fetched.headers ?? {}));
  expect(heldBy(own)).toBeLessThan(200);
});

test('When a record is nothing at all, then it holds nothing', () => {
  expect(heldBy(onOwnBytes(aFetched({ key: null, value: null })))).toBe(0);
});

test('When a record is most of what was fetched, then it stays where it is', () => {
  const fetched = aFetched({ key: null, value: Buffer.alloc(WHOLE_BYTES / 2) });
  expect(onOwnBytes(fetched)).toBe(fetched);
});
