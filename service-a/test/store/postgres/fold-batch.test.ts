import type { OrderFact } from '../../../src/processors/facts';
import { applyFact, type OrderEntry } from '../../../src/processors/projection';
import { foldBatches } from '../../../src/store/postgres/fold-batch';
import { created, failed, orderIdOf, paid } from '../../support/builders';

const [a, b, c] = [1, 2, 3].map(orderIdOf) as [string, string, string];
const fold = (facts: OrderFact[], known: [string, OrderEntry][] = []) =>
  foldBatches([{ partition: 0, facts: facts.map((fact, i) => ({ offset: String(10 + i), fact })) }], new Map(known));
const at = (offset: string) => ({ partition: 0, offset });

describe('foldBatches', () => {
  test('When orders come in any order, then rows are written by id, each once', () => {
    const { written, changed, counts } = fold([created(c), created(a), created(b), created(a, { attempts: 2 })]);
    expect(written.map(({ orderId, before }) => [orderId, before])).toEqual([[a, undefined], [b, undefined], [c, undefined]]);
    expect(changed.map(({ orderId, offset }) => [orderId, offset])).toEqual([[c, '10'], [a, '13'], [b, '12']]);
    expect([...counts]).toEqual([['pending', 3]]);
  });

  test('When an order is finished, then it moves from one count to the other', () => {
    const entry = applyFact({}, created(a), at('1'));
    const { written, counts } = fold([paid(a)], [[a, entry]]);
    expect(written[0]).toMatchObject({ before: entry, after: { payment: { position: at('10') } } });
    expect(Object.fromEntries(counts)).toEqual({ pending: -1, completed: 1 });
  });

  test('When only the payment is known, then it is written and counted nowhere', () => {
    const { written, counts } = fold([paid(a)]);
    expect([written.length, counts.size]).toEqual([1, 0]);
  });

  test('When the id was only taken, then the order counts as new, and its row is one that is there', () => {
    const { written, counts } = fold([failed(a)], [[a, {}]]);
    expect(written[0]?.before).toEqual({});
    expect([...counts]).toEqual([['failed', 1]]);
  });

  test('When the record is met that was shown at its acknowledgement, then nothing is written, and it is told', () => {
    const { written, changed } = fold([created(a)], [[a, applyFact({}, created(a), at('10'))]]);
    expect(written).toEqual([]);
    expect(changed).toEqual([{ orderId: a, status: 'pending', offset: '10' }]);
  });

  test('When a record changes nothing, then nothing is written or told', () => {
    const { written, changed } = fold([created(a)], [[a, applyFact({}, created(a), at('1'))]]);
    expect([written, changed]).toEqual([[], []]);
  });
});
