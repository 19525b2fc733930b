import { createLagWatch } from '../../src/kafka/lag';
import { pass } from '../support/clock';
import { aCluster, records, type LogRecord } from '../support/cluster';
import { recordingLogger } from '../support/fakes';

jest.mock('node:timers/promises', () => jest.requireActual<object>('../support/clock'));

const POLL_MS = 2_000;

describe('how far the group is behind', () => {
  const stops: (() => Promise<void>)[] = [];
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    jest.useRealTimers();
  });

  const watched = (logs: LogRecord[][], committed: Record<number, number> = {}) => {
    const { kafka, state } = aCluster({ leaders: logs.map(() => 1), logs });
    for (const [partition, next] of Object.entries(committed)) state.committed.set(Number(partition), next);
    const { logger, lines } = recordingLogger();
    const watch = createLagWatch({ kafka, groupId: 'g', topics: ['orders'], logger });
    stops.push(watch.stop);
    watch.start();
    return { state, watch, lines, records: () => watch.lags().map((lag) => lag.records) };
  };

  test('When the group has committed, then the lag is what lies behind that, by topic and partition', async () => {
    const { watch } = watched([records(10), records(3)], { 0: 4, 1: 3 });
    expect(watch.lags()).toEqual([]);
    await pass(1);
    expect(watch.lags()).toEqual([{ topic: 'orders', partition: 0, records: 6 }, { topic: 'orders', partition: 1, records: 0 }]);
  });

  test('When nothing is committed yet, then all that is still there is ahead, and not what was deleted', async () => {
    const { state, records: lags } = watched([records(5, 10)]);
    state.lows[0] = 10;
    await pass(1);
    expect(lags()).toEqual([5]);
  });

  test('When retention has cut off what was committed, then only what is still there is ahead', async () => {
    const { state, records: lags } = watched([records(5, 10)], { 0: 2 });
    state.lows[0] = 10;
    await pass(1);
    expect(lags()).toEqual([5]);
  });

  test('When more is committed than there is, as after the topic was made anew, then nothing is ahead', async () => {
    const { records: lags } = watched([records(5)], { 0: 50 });
    await pass(1);
    expect(lags()).toEqual([0]);
  });

  test('When nothing is consumed while records and partitions come, then the lag grows all the same', async () => {
    const { state, records: lags } = watched([records(5)], { 0: 5 });
    await pass(1);
    state.logs[0]!.push(...records(2, 5));
    state.leaders.push(1);
    state.logs.push(records(4));
    await pass(POLL_MS);
    expect(lags()).toEqual([2, 4]);
  });

  test('When the broker does not answer, then what was read is shown for 15 s, then nothing, and again as soon as it answers', async () => {
    const { state, lines, records: lags } = watched([records(5)]);
    await pass(1);
    const reach = state.reach;
    state.reach = () => Promise.reject(new Error('refused'));
    await pass(14_000);
    expect(lags()).toEqual([5]);
    await pass(1_000);
    expect(lags()).toEqual([]);
    expect(new Set(lines.map(({ level, message }) => `${level}: ${message}`))).toEqual(new Set(['debug: cannot read the lag, trying again']));
    state.reach = reach;
    await pass(POLL_MS);
    expect(lags()).toEqual([5]);
  });

  test('When it is silent, then what was read is not shown for longer than that', async () => {
    const { state, records: lags } = watched([records(5)]);
    await pass(1);
    state.reach = () => new Promise(() => undefined);
    await pass(15_000);
    expect(lags()).toEqual([]);
  });

  test('When it is stopped, then nobody is asked any more', async () => {
    const { state, watch, records: lags } = watched([records(5)]);
    await pass(1);
    await watch.stop();
    state.logs[0]!.push(...records(5, 5));
    await pass(POLL_MS);
    expect(lags()).toEqual([5]);
  });
});
