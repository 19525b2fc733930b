import { Type, type types } from 'avsc';

/** Throws where it is no JSON, or no Avro schema. */
const parsed = (text: string): Type => Type.forSchema(JSON.parse(text) as Parameters<typeof Type.forSchema>[0]);

const isRecord = (type: Type): type is types.RecordType => type.typeName === 'record';
const isArray = (type: Type): type is types.ArrayType => type.typeName === 'array';
const isMap = (type: Type): type is types.MapType => type.typeName === 'map';

const unreadable = (reader: Type, writer: Type): string | undefined => {
  try {
    reader.createResolver(writer);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/** Where text has become bytes or bytes text: Avro allows it, and a reader of the JSON meaning is then handed something else. */
const textAndBytes = (one: Type, other: Type, where: string): string[] => {
  if (isRecord(one) && isRecord(other)) {
    return one.fields.flatMap((field) => {
      const now = other.fields.find(({ name }) => name === field.name);
      return now === undefined ? [] : textAndBytes(field.type, now.type, `${where}.${field.name}`);
    });
  }
  if (isArray(one) && isArray(other)) return textAndBytes(one.itemsType, other.itemsType, `${where}[]`);
  if (isMap(one) && isMap(other)) return textAndBytes(one.valuesType as Type, other.valuesType as Type, `${where}{}`);
  const names = [one.typeName, other.typeName];
  return names.includes('string') && names.includes('bytes') ? [`${where} was ${one.typeName} and is ${other.typeName}`] : [];
};

/**
 * Why a schema may not stand beside an older one, in words; empty if it may. It may when each reads what the other one writes (FULL), as
 * the Avro specification's schema resolution has it.
 */
const incompatibilities = (older: Type, newer: Type): string[] => {
  const [back, forth] = [unreadable(newer, older), unreadable(older, newer)];
  return [
    ...(back === undefined ? [] : [`a reader of the new one cannot read what the old one wrote: ${back}`]),
    ...(forth === undefined ? [] : [`a reader of the old one cannot read what the new one writes: ${forth}`]),
    ...textAndBytes(older, newer, newer.branchName ?? ''),
  ];
};

/**
 * Holds a schema against every version of its subject that was registered (FULL_TRANSITIVE).
 * @param registered the versions' texts, from 1 on
 * @returns what is broken, in words
 */
export const checkSchema = (subject: string, text: string, registered: string[]): string[] => {
  let newer: Type;
  try {
    newer = parsed(text);
  } catch (error) {
    return [`${subject} is no Avro schema: ${(error as Error).message}`];
  }
  return registered.flatMap((older, index) => incompatibilities(parsed(older), newer)
    .map((reason) => `${subject} does not go with version ${index + 1}: ${reason}`));
};
