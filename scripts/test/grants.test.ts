import { parseGrants, renameGrants } from '../lib/grants';

const text = `# who may do what
service-a  Write          topic  orders
service-a  Read           group  service-a-consumers service-a-consumers.*

dlt        Read,Delete    group  service-b-consumers.dlt.*
`;

describe('the table of rights', () => {
  test('When it is read, then each operation on each name is a grant', () => {
    expect(parseGrants(text)).toEqual([
      { principal: 'service-a', operation: 'Write', type: 'topic', name: 'orders' },
      { principal: 'service-a', operation: 'Read', type: 'group', name: 'service-a-consumers' },
      { principal: 'service-a', operation: 'Read', type: 'group', name: 'service-a-consumers.*' },
      { principal: 'dlt', operation: 'Read', type: 'group', name: 'service-b-consumers.dlt.*' },
      { principal: 'dlt', operation: 'Delete', type: 'group', name: 'service-b-consumers.dlt.*' },
    ]);
  });

  test('When topics and groups have other names, then what is named after a group goes with it, and orders.DLT is not taken for orders', () => {
    const names = { 'orders': 'orders.x', 'orders.DLT': 'orders.DLT.x', 'service-a-consumers': 'a.x', 'service-b-consumers': 'b.x' };
    const renamed = renameGrants([...parseGrants(text), ...parseGrants('dlt Read topic orders.DLT')], names);
    expect(renamed.map(({ name }) => name)).toEqual(['orders.x', 'a.x', 'a.x.*', 'b.x.dlt.*', 'b.x.dlt.*', 'orders.DLT.x']);
  });
});
