import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { avroTypeOf, decoderOf, encodeAvro, schemaIdOf } from '../../service-a/src/kafka/avro';
import { ordersValue } from '../../service-a/src/kafka/schemas/orders-value';
import { paymentsValue } from '../../service-b/src/kafka/schemas/payments-value';
import { withNote } from '../drill/next-version';

const kafka = resolve(__dirname, '../../kafka');
const json = (name: string): unknown => JSON.parse(readFileSync(resolve(kafka, 'samples', `${name}.json`), 'utf8'));
const avro = (name: string): Buffer => Buffer.from(readFileSync(resolve(kafka, 'samples', `${name}.avro.hex`), 'utf8').trim(), 'hex');
const schemaText = (subject: string): string => readFileSync(resolve(kafka, 'schemas', `${subject}.avsc`), 'utf8');

/** The same values are written and read by fastavro: scripts/other-reader.sh. */
describe.each([
  ['order-created', 'orders-value', ordersValue],
  ['order-created-edges', 'orders-value', ordersValue],
  ['payment-completed', 'payments-value', paymentsValue],
])('The sample %s in Avro', (name, subject, schema) => {
  const type = avroTypeOf(schema);
  const id = schemaIdOf(avro(name));

  test('When another client has written it, then it is read as the JSON sample', () => {
    expect(decoderOf(type, { id, schema: schemaText(subject) })(avro(name))).toEqual(json(name));
  });

  test('When the JSON sample is written as Avro, then it is the same bytes', () => {
    expect(encodeAvro(type, id, json(name)).toString('hex')).toBe(avro(name).toString('hex'));
  });

  test('When the next version was written, then it is read without what it has more', () => {
    const next = avroTypeOf(JSON.parse(withNote(schemaText(subject))));
    const { data, ...event } = json(name) as { data: object };
    const value = encodeAvro(next, 9, { ...event, data: { ...data, note: 'more' } });
    expect(decoderOf(type, { id: 9, schema: withNote(schemaText(subject)) })(value)).toEqual(json(name));
  });
});
