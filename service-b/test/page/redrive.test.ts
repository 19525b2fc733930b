import { lostText, planOf, redriveOf, redriveText, type Plan } from '../../page/redrive.ts';
import { aRedrive } from './builders';

test('When an answer is a redrive, then it is read as one, with what it does not tell left empty', () => {
  expect(redriveOf({ ...aRedrive(), refused: undefined, skipped: [{ reason: 'odd' }], newer: 1 })).toEqual(aRedrive({ skipped: [] }));
});

test.each([undefined, null, [], {}, { ...aRedrive(), state: 'lost' }, { ...aRedrive(), putBack: '1' }, { ...aRedrive(), startedAt: 'now' }])(
  'When an answer is %p, then it is no redrive', (answer) => {
    expect(redriveOf(answer)).toBeUndefined();
  });

test('When an answer does not count what would be put back, then it is no plan', () => {
  expect(planOf({ chosen: 3, skipped: [] })).toBeUndefined();
});

test.each([
  [aRedrive({ chosen: 0, toPutBack: 0 }), true, 'Reading which are to be put back …'],
  [aRedrive(), true, '0 of 38 dead letters put back.'],
  [aRedrive({ putBack: 10, paid: 3, pending: 7 }), true, '10 of 38 dead letters put back: 3 paid, 7 pending.'],
  [aRedrive({ state: 'done', putBack: 38, paid: 30, failedAgain: 8 }), true, 'Done. 38 of 38 dead letters put back: 30 paid, 8 failed again.'],
  [aRedrive({ state: 'stopped', toPutBack: 1 }), true, 'Stopped. 0 of 1 dead letter put back.'],
  [aRedrive({ state: 'failed', putBack: 1, pending: 1 }), false, 'Ended by an error. 1 of 38 dead letters put back: 1 pending.'],
  [aRedrive({ putBack: 10, pending: 10 }), false, '10 of 38 dead letters put back when service-b last answered. Whether it goes on is not known.'],
])('When it is %j and service-b answers: %p, then it reads %p', (redrive, live, text) => {
  expect(redriveText(redrive, live)).toBe(text);
});

const aPlan = (before: number, toPutBack: number): Plan => ({ chosen: 40, toPutBack, skipped: [{ reason: 'put back before', count: before }] });

test('When service-b has forgotten a redrive, then the difference of two dry runs says what was put back', () => {
  expect(lostText(aPlan(2, 38), aPlan(14, 26))).toMatch(/The log says: 12 of 38 dead letters were put back, 26 can still be\.$/);
  expect(lostText({ ...aPlan(0, 40), skipped: [] }, aPlan(40, 0))).toMatch(/40 of 40 dead letters were put back, 0 can still be/);
});

test('When nobody knows what was asked, then no figure is made up', () => {
  expect(lostText(undefined, aPlan(1, 1))).not.toMatch(/\d/);
  expect(lostText(aPlan(1, 1), undefined)).not.toMatch(/\d/);
});
