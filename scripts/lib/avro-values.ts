import { Type, types } from 'avsc';

/** Avro schemas by the ids that a registry has given them; empty where values are JSON. */
export type Schemas = ReadonlyMap<number, Type>;
export const noSchemas: Schemas = new Map();

const HEADER_BYTES = 5;

/** What is overridden of an array, which avsc does not show. */
type ArrayParts = { _read: (this: unknown, tap: { pos: number; buf: Buffer; readLong: () => number }) => unknown };

// Arrays say how many items follow, and avsc would read as many past the end of the bytes: more items than bytes are none.
const { prototype: arrays } = types.ArrayType as unknown as { prototype: ArrayParts };
const readItems = arrays._read;
arrays._read = function (this: unknown, tap) {
  const from = tap.pos;
  if (Math.abs(tap.readLong()) > tap.buf.length - from) throw new RangeError('more items than bytes');
  tap.pos = from;
  return readItems.call(this, tap);
};

export const schemaOf = (text: string): Type => Type.forSchema(JSON.parse(text) as Parameters<typeof Type.forSchema>[0]);

/** What Confluent's wire format holds: a zero, the id in four bytes, Avro. */
export const framed = (id: number, avro: Uint8Array): Buffer => {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32BE(id, 1);
  return Buffer.concat([header, avro]);
};

/** The JSON text of a value, which is that text or Avro. @throws for Avro of no known schema, and for bytes that do not fit theirs */
export const textOfValue = (value: Buffer | null, schemas: Schemas): string => {
  if (value?.[0] !== 0) return value?.toString() ?? 'null';
  const type = schemas.get(value.readInt32BE(1));
  if (type === undefined) throw new Error('Avro of an unknown schema');
  return JSON.stringify(type.fromBuffer(value.subarray(HEADER_BYTES)));
};

const ask = async (url: string): Promise<unknown> => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
};

/** Every version of the subjects, as the registry has it. */
export const readSchemas = async (url: string, subjects: string[]): Promise<Schemas> => {
  const schemas = new Map<number, Type>();
  for (const subject of subjects) {
    for (const version of await ask(`${url}/subjects/${subject}/versions`) as number[]) {
      const { id, schema } = await ask(`${url}/subjects/${subject}/versions/${version}`) as { id: number; schema: string };
      schemas.set(id, schemaOf(schema));
    }
  }
  return schemas;
};
