import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkSchema } from '../lib/compatibility';

type Field = { name: string; type: unknown; default?: unknown; aliases?: string[] };
type RecordSchema = { type: 'record'; name: string; fields: Field[] };

const orders = readFileSync(resolve(__dirname, '../../kafka/schemas/registered/orders-value/1.avsc'), 'utf8');

/** The first version after a change. */
const changed = (change: (event: RecordSchema, order: RecordSchema, item: RecordSchema) => void): string => {
  const event = JSON.parse(orders) as RecordSchema;
  const order = event.fields[3]!.type as RecordSchema;
  const { items: item } = order.fields[4]!.type as { items: RecordSchema };
  change(event, order, item);
  return JSON.stringify(event);
};
const typeOf = ({ fields }: RecordSchema, name: string, type: unknown): void => {
  fields.find((field) => field.name === name)!.type = type;
};
const note = { name: 'note', type: ['null', 'string'], default: null };
const withNote = changed((_, order) => order.fields.push(note));
const faultsOf = (text: string, registered = [orders]): string => checkSchema('orders-value', text, registered).join('\n');

describe('A schema that may stand beside the registered one', () => {
  test.each([
    ['nothing is changed', orders],
    ['a field with a default is added', withNote],
    ['a field with a default is added to the items', changed((_event, _order, item) => item.fields.push({ name: 'unit', type: 'string', default: 'piece' }))],
    ['fields change their order', changed((event) => event.fields.reverse())],
    ['only a doc changes', orders.replace('RFC 3339', 'RFC 3339, UTC')],
  ])('When %s, then nothing is broken', (_what, text) => {
    expect(faultsOf(text)).toBe('');
  });
});

describe('A schema that may not', () => {
  test.each([
    ['a field without a default is added', changed((_, order) => order.fields.push({ name: 'note', type: 'string' })), 'no matching field for default-less orders.Order.note'],
    ['an optional field is added without a default', changed((_, order) => order.fields.push({ name: 'note', type: ['null', 'string'] })), 'default-less orders.Order.note'],
    ['a field is removed', changed((_, order) => order.fields.splice(1, 1)), 'default-less orders.Order.userId'],
    ['a field of the items is removed', changed((_event, _order, item) => item.fields.pop()), 'default-less orders.Item.price'],
    ['a field has another name', changed((_, order) => { order.fields[1]!.name = 'customerId'; }), 'orders.Order.customerId'],
    ['a field has another name and the old one as an alias', changed((_, order) => { Object.assign(order.fields[1]!, { name: 'customerId', aliases: ['userId'] }); }), 'old one cannot read'],
    ['a number is wider', changed((_event, _order, item) => typeOf(item, 'quantity', 'double')), 'cannot read "double" as "long"'],
    ['a number is narrower', changed((_, order) => typeOf(order, 'amount', 'long')), 'cannot read "double" as "long"'],
    ['a number is text', changed((_, order) => typeOf(order, 'amount', 'string')), 'cannot read "double" as "string"'],
    ['a field becomes optional', changed((_, order) => typeOf(order, 'userId', ['null', 'string'])), 'cannot read "null" as "string"'],
    ['a list becomes a map', changed((_event, order, item) => typeOf(order, 'items', { type: 'map', values: item })), 'cannot read'],
    ['text is bytes, which Avro would let pass', changed((_, order) => typeOf(order, 'userId', 'bytes')), 'userId was string and is bytes'],
    ['the record has another name', changed((event) => { event.name = 'OrderPlaced'; }), 'no alias found'],
    ['a default is of another type', changed((_, order) => order.fields.push({ ...note, default: 'none' })), 'no Avro schema'],
    ['it is no schema', '{"type":"record"}', 'no Avro schema'],
    ['it is no JSON', '{', 'no Avro schema'],
  ])('When %s, then it is broken', (_what, text, reason) => {
    expect(faultsOf(text)).toContain(reason);
  });

  test('When it goes with the last version alone, then the version before is named', () => {
    const noteIsText = changed((_, order) => order.fields.push({ name: 'note', type: 'string', default: '' }));
    const noteHasNoDefault = changed((_, order) => order.fields.push({ name: 'note', type: 'string' }));
    expect(faultsOf(noteHasNoDefault, [orders, noteIsText])).toMatch(/^orders-value does not go with version 1: .*\n?$/);
  });
});
