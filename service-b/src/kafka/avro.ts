import { Type, type Schema } from 'avsc';
import { expectItems } from './avsc-patches';

/** Confluent's wire format: a zero, which no JSON text begins with, the schema's id, then what Avro makes of the value. */
const ZERO = 0;
const HEADER_BYTES = 5;

/** A value that begins as Avro and cannot be read as what its topic carries; asking again cannot help. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/** `alsoIds`: those of records to come, which the same list then tells of. */
export type Load = (signal: AbortSignal, alsoIds?: number[]) => Promise<void>;

/** The value may be readable once a schema is known: `load` resolves when it is worth trying again, and rejects when its signal aborts. */
export class SchemaNeededError extends Error {
  override readonly name = 'SchemaNeededError';

  constructor(subject: string, id: number, readonly load: Load) {
    super(`schema id ${id} of ${subject} is not known yet`);
  }
}

/** A schema as a registry holds it. */
export type RegisteredSchema = { id: number; schema: string; schemaType?: string | undefined };

export type Decode = (value: Buffer) => unknown;

export const isAvro = (value: Uint8Array): boolean => value[0] === ZERO;

/** @throws UndecodableError */
export const schemaIdOf = (value: Buffer): number => {
  if (value.length < HEADER_BYTES) throw new UndecodableError('value is too short to be Avro');
  return value.readInt32BE(1);
};

/** Of those that are Avro. */
export const schemaIdsOf = (records: readonly { value: Buffer | null }[]): number[] =>
  records.flatMap(({ value }) => (value !== null && isAvro(value) && value.length >= HEADER_BYTES ? [schemaIdOf(value)] : []));

/** @throws what is wrong with the schema */
export const avroTypeOf = (schema: unknown): Type => Type.forSchema(schema as Schema);

const decoderWith = (reader: Type, what: string, resolver?: ReturnType<Type['createResolver']>): Decode => (value) => {
  expectItems(value.length);
  try {
    return reader.fromBuffer(value.subarray(HEADER_BYTES), resolver) as unknown;
  } catch (cause) {
    throw new UndecodableError(`value is not what ${what} says`, { cause });
  }
};

/** What reads values that were written with one schema as a type of another one. @throws what is wrong with the schema, or between them */
export const decoderOf = (reader: Type, { id, schema, schemaType = 'AVRO' }: RegisteredSchema): Decode => {
  if (schemaType !== 'AVRO') throw new TypeError(`is of type ${schemaType}`);
  return decoderWith(reader, `its schema, id ${id},`, reader.createResolver(avroTypeOf(JSON.parse(schema))));
};

/** The same of values that were written as this very type, whatever id they have. */
export const ownDecoderOf = (type: Type): Decode => decoderWith(type, 'the schema that is compiled in');

/** Most values fit; a larger one makes room for itself. */
let scratch = Buffer.allocUnsafe(4_096);

/** A value in the wire format. @throws when it is not of the type */
export const encodeAvro = (type: Type, id: number, value: unknown): Buffer => {
  let end = type.encode(value, scratch, HEADER_BYTES);
  if (end < 0) {
    scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
    end = type.encode(value, scratch, HEADER_BYTES);
  }
  scratch[0] = ZERO;
  scratch.writeInt32BE(id, 1);
  return Buffer.from(scratch.subarray(0, end));
};
