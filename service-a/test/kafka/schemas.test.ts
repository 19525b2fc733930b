import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ordersValue } from '../../src/kafka/schemas/orders-value';
import { paymentsValue } from '../../src/kafka/schemas/payments-value';

test.each([['orders-value', ordersValue], ['payments-value', paymentsValue]])('When %s is compiled in, then it is the schema that is registered', (name, schema) => {
  const file = readFileSync(join(__dirname, '../../../kafka/schemas', `${name}.avsc`), 'utf8');
  expect(JSON.stringify(schema)).toBe(JSON.stringify(JSON.parse(file)));
});
