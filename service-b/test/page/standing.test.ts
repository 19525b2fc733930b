import { standingOf, wordsOf } from '../../page/standing.ts';

const answer = {
  checks: [{ name: 'paymentsWritable', ok: true, runbook: 'docs/runbooks/ServiceNotReady.md' }, { name: 'odd' }],
  partitions: [{ partition: 2, lag: 0, standing: false }, { partition: 0, lag: 1_200, standing: true }, {}],
  gateway: { answersLast5m: { approved: 80, declined: 20, odd: 'x' }, retriesLast5m: 3, callsUnderWay: 4, concurrency: 256, timeoutMs: 10_000 },
  rebalances: { last5m: 1, total: 4 }, restartsLast5m: 0, runbooks: { lag: 'docs/runbooks/ConsumerLagGrowing.md', odd: 7 },
};

test('When service-b tells how it stands, then each figure is read, the partitions in their order', () => {
  expect(standingOf(answer)).toEqual({
    checks: [{ name: 'paymentsWritable', ok: true, runbook: 'docs/runbooks/ServiceNotReady.md' }],
    partitions: [{ partition: 0, lag: 1_200, standing: true }, { partition: 2, lag: 0, standing: false }],
    answers: { approved: 80, declined: 20 }, retries: 3, callsUnderWay: 4, concurrency: 256, timeoutMs: 10_000,
    rebalances: { recent: 1, total: 4 }, restarts: 0, runbooks: { lag: 'docs/runbooks/ConsumerLagGrowing.md' },
  });
});

test.each([undefined, [], {}, { ...answer, gateway: null }])('When it answers %j, then that is no standing', (value) => {
  expect(standingOf(value)).toBeUndefined();
});

test('When a name is shown, then it is in words', () => {
  expect(['paymentsWritable', 'approved', 'callsUnderWay'].map(wordsOf)).toEqual(['payments writable', 'approved', 'calls under way']);
});
