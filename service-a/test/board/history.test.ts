import { historyOf } from '../../board/history.ts';
import { aFailure } from '../support/builders';
import { aCompleted, aFailed, aView } from './builders';

const kinds = (...args: Parameters<typeof historyOf>): string[] => historyOf(...args)
  .map((step) => step.kind === 'redriven' ? `redriven ${step.times} to ${step.attempt}` : step.kind);

test('When an order is pending, then it was created and waits', () => {
  expect(kinds({ order: aView(), past: [] })).toEqual(['created', 'waiting']);
});

test('When an order is completed, then the last step tells its payment', () => {
  expect(historyOf({ order: aCompleted(), past: [] })).toEqual([
    { kind: 'created', at: '2026-11-22T10:00:00.000Z' },
    { kind: 'completed', at: '2026-11-22T10:00:02.000Z', paymentId: '11111111-1111-5111-8111-111111111111' },
  ]);
});

test('When an order failed, then the last step tells the failure', () => {
  expect(historyOf({ order: aFailed(), past: [] }).at(-1)).toEqual({ kind: 'failed', at: '2026-11-22T10:00:01.000Z', failure: aFailure() });
});

test('When redrives were seen, then each follows its failure', () => {
  const past = [aFailure({ message: 'first' }), aFailure({ message: 'second' })];
  expect(kinds({ order: aCompleted(0, { attempts: 3 }), past }))
    .toEqual(['created', 'failed', 'redriven 1 to 2', 'failed', 'redriven 1 to 3', 'completed']);
});

test('When a redrive was not seen, then it is told all the same', () => {
  expect(kinds({ order: aCompleted(0, { attempts: 2 }), past: [] })).toEqual(['created', 'redriven 1 to 2', 'completed']);
});

test('When earlier redrives were not seen, then they are summed up', () => {
  expect(kinds({ order: aFailed(0, {}, { attempts: 4 }), past: [aFailure()] }))
    .toEqual(['created', 'redriven 2 to 3', 'failed', 'redriven 1 to 4', 'failed']);
});

test('When a failure gave way without a redrive, then none is told', () => {
  expect(kinds({ order: aCompleted(), past: [aFailure()] })).toEqual(['created', 'failed', 'completed']);
});
