import type { OrderFact } from '../../src/processors/facts';
import { canonicalText } from '../../src/processors/order';
import { applyFact } from '../../src/processors/projection';
import { anOrder, created, failed, paid, shown } from '../support/builders';
import { entryAfter, recordsOf, viewAfter, type TestRecord } from '../support/log';

/** Every order in which a list can come. */
const permutations = <T>(list: readonly T[]): T[][] => (list.length < 2
  ? [[...list]]
  : list.flatMap((one, i) => permutations(list.toSpliced(i, 1)).map((rest) => [one, ...rest])));

const another = canonicalText(anOrder({ amount: 1 }));
const later = { paymentId: '22222222-2222-5222-8222-222222222222', at: '2026-11-22T11:00:00.000Z' };

describe('status', () => {
  test('When a failed order is paid after a redrive, then it is completed and its failure is not shown', () => {
    expect(viewAfter([created(), failed(), created(), paid()])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a completed order is dead-lettered, then it stays completed', () => {
    expect(viewAfter([created(), paid(), failed()])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a second payment comes, then the first one stands', () => {
    expect(viewAfter([created(), paid(), paid(undefined, later)])).toEqual(viewAfter([created(), paid()]));
  });

  test('When a redrive fails again, then the last failure is shown', () => {
    expect(viewAfter([created(), failed(), failed(undefined, { retryCount: 3 })])).toMatchObject({ failure: { retryCount: 3 } });
  });
});

describe('attempts', () => {
  test('When an order was redriven, then the highest count of its records is shown, whichever comes first', () => {
    const redriven = [created(undefined, { attempts: 2 }), failed(undefined, {}, 2), created(undefined, { attempts: 3 }), paid()];
    const facts = [created(), failed(), ...redriven];
    expect(viewAfter(facts)).toMatchObject({ status: 'completed', attempts: 3 });
    expect(shown(entryAfter(recordsOf(...facts).toReversed()))).toMatchObject({ status: 'completed', attempts: 3 });
  });

  test('When a failed order is put up for payment again, then it stays failed and its attempts show it', () => {
    expect(viewAfter([created(), failed(), created(undefined, { attempts: 2 })])).toMatchObject({ status: 'failed', attempts: 2 });
  });

  test('When they are not known to be more than one, then nothing is held for them', () => {
    expect(entryAfter(recordsOf(created(), failed(), paid())).attempts).toBeUndefined();
  });
});

describe('fold', () => {
  const topics: [what: string, facts: OrderFact[][]][] = [
    ['an order that failed and was paid', [[created(), created()], [paid()], [failed()]]],
    ['two failures and two payments', [[created()], [paid(), paid(undefined, later)], [failed(), failed(undefined, { retryCount: 3 })]]],
    ['two failures', [[created(), created()], [], [failed(), failed(undefined, { retryCount: 3 })]]],
    ['a redrive that failed again', [[created(), created(undefined, { attempts: 2 })], [], [failed(), failed(undefined, {}, 2)]]],
    ['a redrive that was paid', [[created(), created(undefined, { attempts: 2 })], [paid()], [failed()]]],
    ['another order under the id', [
      [created(), created(undefined, { order: another, createdAt: later.at })],
      [paid()],
      [{ ...failed(), order: another, createdAt: later.at }],
    ]],
    ['another order under the id, whose dead letter came', [
      [created(), created(undefined, { order: another, createdAt: later.at })],
      [],
      [{ ...failed(), order: another, createdAt: later.at }],
    ]],
  ];

  test.each(topics)('When the records of %s come in any order at all, then the result is that of the log', (_what, lists) => {
    const records = lists.flatMap((facts) => recordsOf(...facts));
    const inOrder = entryAfter(records);
    for (const permuted of permutations(records)) expect(entryAfter(permuted)).toEqual(inOrder);
  });

  test.each(topics)('When each record of %s comes twice, then the result is the same', (_what, lists) => {
    const records = lists.flatMap((facts) => recordsOf(...facts));
    expect(entryAfter(records.flatMap((record) => [record, record]))).toEqual(entryAfter(records));
    expect(entryAfter([...records, ...records])).toEqual(entryAfter(records));
  });

  test('When a record changes nothing, then the entry is the same one', () => {
    const records = recordsOf(created(undefined, { attempts: 2 }), failed(), paid());
    const entry = entryAfter(records);
    for (const { fact, position } of records) expect(applyFact(entry, fact, position)).toBe(entry);
  });

  test('When offsets have different numbers of digits, then they are compared as numbers, and behind their partitions', () => {
    const at = (partition: number, offset: string): TestRecord => ({ fact: paid(undefined, { at: `${partition}/${offset}` }), position: { partition, offset } });
    const records = [at(1, '9'), at(0, '10007199254740993'), at(0, '9007199254740993'), at(0, '10')];
    for (const permuted of permutations(records)) expect(entryAfter(permuted).payment?.at).toBe('0/10');
  });
});
