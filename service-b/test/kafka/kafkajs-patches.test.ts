import type { Message } from 'kafkajs';
import Decoder from 'kafkajs/src/protocol/decoder';
import Encoder from 'kafkajs/src/protocol/encoder';
import decodeRecord from 'kafkajs/src/protocol/recordBatch/record/v0/decoder';
import Produce from 'kafkajs/src/protocol/requests/produce';
import { poolEncoderBuffers, readHeadersWhenAsked, sendHeadersAsTheyAre } from '../../src/kafka/kafkajs-patches';
import { blockOf, createHeaderWriter, headersOf, type Headers } from '../../src/kafka/record-headers';

const text = (length: number): string => 'äbc'.repeat(length).slice(0, length);
const encoded = (sizes: number[]): Buffer => sizes.reduce(
  (encoder, size) => encoder
    .writeString(text(size)).writeBytes(Buffer.from(text(size))).writeEncoder(new Encoder().writeString(text(size))),
  new Encoder(),
).buffer;

test('When encoders take their memory from the pool, then they write the same bytes, however many', () => {
  const cases = [[], [0], [1, 2, 3], [507], [508], [509], [510, 1], [600, 600, 600, 600], [5_000, 3, 10_000]];
  const before = cases.map(encoded);
  const { nextPowerOfTwo, prototype: { ensureAvailable } } = Encoder;
  poolEncoderBuffers();
  const after = cases.map(encoded);
  Object.assign(Encoder, { nextPowerOfTwo });
  Object.assign(Encoder.prototype, { ensureAvailable });
  expect(after).toEqual(before);
});

type Pair = [name: string, value: string | null];

const blockOfPairs = (pairs: Pair[]) => {
  const writer = createHeaderWriter();
  for (const [name, value] of pairs) writer.add(name, value);
  return writer.block();
};

/** A record as it is on the wire, without its length. */
const recordOf = (pairs: Pair[]): Buffer => {
  const { count, bytes } = blockOfPairs(pairs);
  return new Encoder().writeInt8(0).writeVarLong(5).writeVarInt(2).writeVarIntBytes('key').writeVarIntBytes('value')
    .writeVarInt(count).writeBuffer(bytes).buffer;
};

const decoded = (pairs: Pair[]) => decodeRecord(new Decoder(recordOf(pairs)), { firstOffset: '40', firstTimestamp: '1000', magicByte: 2 });

const produced = async (messages: Message[], version: number): Promise<Buffer> => {
  const data = { acks: -1, timeout: 5_000, topicData: [{ topic: 'orders', partitions: [{ partition: 1, messages, firstSequence: 0 }] }] };
  return (await Produce.protocol({ version })(data).request.encode()).buffer;
};

describe('headers of a consumed record', () => {
  beforeAll(readHeadersWhenAsked);

  test('12.1 When a header has no value, then it is null', () => {
    const { headers, key, value, offset, timestamp } = decoded([['traceparent', null], ['a', '']]);
    expect([offset, timestamp, key?.toString(), value?.toString()]).toEqual(['42', '1005', 'key', 'value']);
    expect(Object.entries(headers ?? {}).map(([name, one]) => [name, one && String(one)])).toEqual([['traceparent', null], ['a', '']]);
  });

  test('12.2 When a record has 12,000 headers, then it is decoded in a moment', () => {
    const record = recordOf(Array.from({ length: 12_000 }, (_, index) => [index.toString(36), 'v']));
    const before = process.cpuUsage();
    const { headers } = decodeRecord(new Decoder(record), { firstOffset: '0', firstTimestamp: '0', magicByte: 2 });
    expect(String(headers?.['99a'])).toBe('v');
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });

  test('12.4 When names are repeated or are those of an object, then nothing is lost or added', () => {
    const pairs: Pair[] = [['a', '1'], ['toString', 'x'], ['b', null], ['__proto__', 'y'], ['a', '2']];
    const headers: Headers = decoded(pairs).headers ?? {};
    expect(blockOf(headers)).toEqual(blockOfPairs(pairs));
    expect(headers['toString']).toEqual(Buffer.from('x'));
    expect(headers['valueOf']).toBeUndefined();
  });
});

describe('headers of a produced record', () => {
  const time = '1795341602000';
  const plain: Message[] = [
    { key: 'k', value: 'v', timestamp: time },
    { key: null, value: null, headers: {}, timestamp: '1795341602005' },
    { key: Buffer.from('ä'), value: Buffer.alloc(3_000, 1), headers: { a: '1', b: [Buffer.from('2'), 'ü'], empty: '' }, timestamp: time },
  ];

  test('When nothing about a request is special, then it is the bytes that KafkaJS writes', async () => {
    const protocol = Produce.protocol;
    const versions = [2, 3, 5, 7];
    const before = await Promise.all(versions.map((version) => produced(plain, version)));
    sendHeadersAsTheyAre();
    const after = await Promise.all(versions.map((version) => produced(plain, version)));
    Produce.protocol = protocol;
    expect(after).toEqual(before);
  });

  test('12.4 When headers came from the wire, then they go out to the byte: order, repeats and nulls', async () => {
    const protocol = Produce.protocol;
    sendHeadersAsTheyAre();
    const block = blockOfPairs([['a', '1'], ['b', null], ['a', ''], ['__proto__', 'x'], ['a', null]]);
    const request = await produced([{ key: 'k', value: 'v', headers: headersOf(block) }], 7);
    const fromObject = await produced([{ key: 'k', value: 'v', headers: { a: null } as unknown as Record<string, Buffer> }], 7);
    Produce.protocol = protocol;
    expect(request.subarray(-block.bytes.length)).toEqual(block.bytes);
    expect(fromObject.subarray(-4)).toEqual(Buffer.from([2, 2, 0x61, 1]));
  });

  test('12.2 When a record has half a million headers, then it is written in a moment', async () => {
    const protocol = Produce.protocol;
    sendHeadersAsTheyAre();
    const headers = headersOf(blockOfPairs(Array.from({ length: 500_000 }, () => ['', null])));
    const before = process.cpuUsage();
    const request = await produced([{ key: 'k', value: 'v', headers }], 7);
    const { user } = process.cpuUsage(before);
    Produce.protocol = protocol;
    expect(request.length).toBeGreaterThan(1_000_000);
    expect(user).toBeLessThan(500_000);
  });
});
