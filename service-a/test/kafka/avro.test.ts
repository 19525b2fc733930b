import { Type } from 'avsc';
import { avroTypeOf, decoderOf, encodeAvro, isAvro, schemaIdOf, UndecodableError } from '../../src/kafka/avro';

const schemaOf = (fields: unknown[]) => ({ type: 'record', name: 'Event', namespace: 'tests', fields });
const plain = schemaOf([
  { name: 'text', type: 'string' }, { name: 'list', type: { type: 'array', items: 'string' } }, { name: 'count', type: 'long' },
]);
const type = avroTypeOf(plain);
const decode = (value: Buffer, writer: unknown = plain, reader = type): unknown =>
  decoderOf(reader, { id: 7, schema: JSON.stringify(writer) })(value);
/** As avsc writes it, whatever is said here about its values. */
const framed = (...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), ...parts]);
const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, Type.forSchema('long').encode(value, bytes, 0));
};
const text = (value: string): Buffer => Type.forSchema('string').toBuffer(value);

describe('a value in the wire format', () => {
  test('When it is written, then it is a zero, the id and what Avro says, to the byte', () => {
    expect(encodeAvro(type, 0x01020304, { text: 'a', list: ['b'], count: -1 }).toString('hex')).toBe('000102030402610202620001');
  });

  test('When it is read, then it is what was written, also with the largest numbers and beyond the first buffer', () => {
    for (const value of [
      { text: 'é😀\u{feff}\u{fffd}', list: [], count: Number.MAX_SAFE_INTEGER }, { text: '', list: ['x'.repeat(100_000), ''], count: -(2 ** 52) },
    ]) expect({ ...decode(encodeAvro(type, 7, value)) as object }).toEqual(value);
  });

  test('When its first byte is a zero, then it is Avro, and its id is read; JSON is not', () => {
    expect([isAvro(framed()), isAvro(Buffer.from('{}')), isAvro(Buffer.alloc(0))]).toEqual([true, false, false]);
    expect(schemaIdOf(framed())).toBe(7);
    expect(() => schemaIdOf(Buffer.from([0, 0, 0, 0]))).toThrow(UndecodableError);
  });

  test('When a text has half a surrogate pair, or a number is none that a double holds, then it cannot be written', () => {
    expect(() => encodeAvro(type, 7, { text: '\ud800', list: [], count: 1 })).toThrow('UTF-8');
    expect(() => encodeAvro(type, 7, { text: '', list: [], count: 2 ** 53 })).toThrow('whole number');
  });
});

describe('bytes that do not fit', () => {
  const good = encodeAvro(type, 7, { text: 'abc', list: ['d'], count: 1 });

  test.each<[string, Buffer]>([
    ['cut off', good.subarray(0, -1)],
    ['nothing behind the id', framed()],
    ['followed by another byte', Buffer.concat([good, Buffer.alloc(1)])],
    ['a text of negative length', framed(long(-1), long(0), long(1))],
    ['a text that is no UTF-8', framed(Buffer.from([2, 0xff]), long(0), long(1))],
    ['a number above 2^53 - 1', framed(text(''), long(0), Buffer.from('80808080808080808001', 'hex'))],
    ['a number below -2^52', framed(text(''), long(0), Buffer.from('fdffffffffffff1f', 'hex'))],
    ['a list of 2^40 items', framed(text(''), Buffer.from('808080808080800180', 'hex'))],
    ['a list with more items than bytes', framed(text(''), long(100))],
    ['a list with more items than bytes, counted backwards', framed(text(''), long(-100), long(1))],
  ])('When they are %s, then that is said, at once', (_what, value) => {
    const before = process.cpuUsage();
    expect(() => decode(value)).toThrow(UndecodableError);
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });

  test('When a list comes in blocks that tell their size, then it is read', () => {
    const value = framed(text('t'), long(-1), long(2), text('a'), long(1), text('b'), long(0), long(5));
    expect(decode(value)).toMatchObject({ list: ['a', 'b'], count: 5 });
  });

  // What the reader does not know is skipped, by other code of avsc.
  const more = (items: unknown) => schemaOf([...plain.fields, { name: 'more', type: items }]);
  const front = [text('t'), long(0), long(5)];
  const bomb = Buffer.from('808080808080800180', 'hex');
  test.each<[string, unknown, Buffer]>([
    ['a list', { type: 'array', items: 'string' }, framed(...front, bomb)],
    ['a list of nulls', { type: 'array', items: 'null' }, framed(...front, long(10_000_000), long(0))],
    ['a map', { type: 'map', values: 'null' }, framed(...front, bomb)],
    ['a list of lists of nulls', { type: 'array', items: { type: 'array', items: 'null' } },
      framed(...front, long(1_000), ...Array.from({ length: 1_000 }, () => Buffer.concat([long(2_000), long(0)])), long(0))],
    ['a block that leads back', { type: 'array', items: 'string' }, framed(...front, long(-1), long(-3))],
  ])('When %s that is not read claims more than there is, then that is said, at once', (_what, items, value) => {
    const before = process.cpuUsage();
    expect(() => decode(value, more(items))).toThrow(UndecodableError);
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });

  test('When a value has a megabyte of anything, then the time that it takes is that of its size', () => {
    const cost = (items: number): number => {
      const value = framed(text('t'), long(items), Buffer.alloc(items), long(0), long(1));
      const before = process.cpuUsage();
      expect(decode(value)).toMatchObject({ count: 1 });
      return process.cpuUsage(before).user;
    };
    cost(100_000);
    expect(cost(1_000_000)).toBeLessThan(40 * Math.max(cost(100_000), 5_000));
  });
});

describe('schemas side by side', () => {
  const newer = schemaOf([...plain.fields, { name: 'coupon', type: ['null', 'string'], default: null }]);
  const old = { text: 'a', list: ['b'], count: 1 };

  test('When a newer producer adds an optional field, then an older reader reads the rest', () => {
    const value = encodeAvro(avroTypeOf(newer), 7, { ...old, coupon: 'X' });
    expect({ ...decode(value, newer) as object }).toEqual(old);
  });

  test('When a newer reader reads what an older producer wrote, then the field has its default', () => {
    expect({ ...decode(encodeAvro(type, 7, old), plain, avroTypeOf(newer)) as object }).toEqual({ ...old, coupon: null });
  });

  test.each<[string, unknown, { schemaType?: string }]>([
    ['lacks a field', schemaOf(plain.fields.slice(1)), {}], ['has another name', { ...plain, name: 'Other' }, {}],
    ['has another type of field', schemaOf([{ name: 'text', type: 'boolean' }, ...plain.fields.slice(1)]), {}],
    ['is of another kind', plain, { schemaType: 'JSON' }], ['is none', { type: 'nothing' }, {}],
  ])('When a schema %s, then nothing that was written with it can be read', (_what, schema, kind) => {
    expect(() => decoderOf(type, { id: 7, schema: JSON.stringify(schema), ...kind })).toThrow();
  });
});
