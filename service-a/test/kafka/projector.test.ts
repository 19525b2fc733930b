import type { KafkaMessage } from 'kafkajs';
import { createProjector } from '../../src/kafka/projector';
import type { Facts } from '../../src/kafka/read-facts';
import { StoreUnavailableError } from '../../src/processors/order-store';
import type { Batch, BatchResult } from '../../src/processors/tables';
import type { PostgresStore } from '../../src/store/postgres/types';
import { abortMark, aCluster, CODES, records, type LogRecord } from '../support/cluster';
import { deferred, eventually, recordingLogger } from '../support/fakes';

const soon = (condition: () => boolean): Promise<void> => eventually(condition, 10_000);

/** Tables that hold positions, and what was applied, as `<partition>:<offset>`; what they answer can be replaced, once each. */
const someTables = () => {
  const positions = new Map<number, string>();
  const applied: string[] = [];
  const batches: string[] = [];
  const starts: { partition: number; low: string; high?: string }[] = [];
  const instead: ((batch: Batch) => Promise<BatchResult | undefined> | BatchResult | undefined)[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const apply = ({ partition, from, to, facts }: Batch): BatchResult => {
    const next = positions.get(partition);
    if (next !== from) return { kind: 'overtaken', next };
    positions.set(partition, to);
    batches.push(`${partition}:${from}-${to}`);
    applied.push(...facts.map(({ offset }) => `${partition}:${offset}`));
    return { kind: 'applied', changed: [] };
  };
  const tables: Pick<PostgresStore, 'applyBatch' | 'startPartition'> = {
    applyBatch: async (batch) => {
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      try {
        await new Promise(setImmediate);
        return await instead.shift()?.(batch) ?? apply(batch);
      } finally {
        underWay -= 1;
      }
    },
    startPartition: async ({ topic: _topic, ...start }) => {
      starts.push(start);
      const next = positions.get(start.partition);
      const isCut = next === undefined || BigInt(next) < BigInt(start.low);
      if (isCut || (start.high !== undefined && BigInt(next) > BigInt(start.high))) positions.set(start.partition, start.low);
      return positions.get(start.partition)!;
    },
  };
  return { tables, positions, applied, batches, starts, instead, apply, mostUnderWay: () => mostUnderWay };
};

const readFacts = (_topic: string, _partition: number, messages: readonly KafkaMessage[]): Facts => ({
  count: messages.length,
  facts: messages.map(({ offset, key }) => ({ offset, fact: { kind: 'paid', orderId: key!.toString(), paymentId: 'p', at: 'now' } })),
  applied: () => undefined,
});

describe('the tables follow the log', () => {
  const stops: (() => Promise<void>)[] = [];

  const projecting = (logs: LogRecord[][], { from = {}, paced = false }: { from?: Record<number, string>; paced?: boolean } = {}) => {
    const { kafka, state } = aCluster({ leaders: logs.map(() => 1), logs });
    const held = someTables();
    for (const [partition, next] of Object.entries(from)) held.positions.set(Number(partition), next);
    const { logger, lines } = recordingLogger();
    const projector = createProjector({
      kafka, groupId: 'g', topics: ['orders'], tables: held.tables, readFacts, paced, onJoin: () => undefined, onRestart: () => undefined, logger,
    });
    projector.start();
    stops.push(projector.stop);
    return { projector, state, lines, ...held };
  };

  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });

  test('When the tables are further than what the group has committed, then they say where to begin', async () => {
    const { applied, state } = projecting([records(10)], { from: { 0: '7' } });
    state.committed.set(0, 2);
    await soon(() => applied.length === 3);
    expect(applied).toEqual(['0:7', '0:8', '0:9']);
  });

  test('When several partitions have records, then one transaction is under way at a time, of 500 records at most', async () => {
    const { applied, batches, mostUnderWay, state } = projecting([records(1_200), records(50)]);
    await soon(() => applied.length === 1_250);
    expect(mostUnderWay()).toBe(1);
    expect(batches.every((batch) => Number(batch.split('-')[1]) - Number(batch.split(/[:-]/)[1]) <= 500)).toBe(true);
    await soon(() => state.committed.get(0) === 1_200 && state.committed.get(1) === 50);
  });

  const timed = (count: number, stepMs: number): LogRecord[] =>
    records(count).map((record) => ({ ...record, timestamp: String(record.offset * stepMs) }));

  test('When partitions are read at one pace, then who is ahead by the times of its records waits for the others, and all are read', async () => {
    const { applied, state } = projecting([timed(3_000, 1), timed(300, 10)], { paced: true });
    await soon(() => applied.length === 3_300);
    expect(applied.indexOf('1:100')).toBeGreaterThan(applied.indexOf('0:990'));
    expect(applied.indexOf('1:200')).toBeGreaterThan(applied.indexOf('0:1990'));
    // A mark alone, behind which nothing is to be read, holds up nobody either.
    state.logs[1]!.push(...records(1, 300, { isAborted: true }), abortMark(301));
    state.logs[0]!.push(...records(10, 3_000, { timestamp: '9000' }));
    await soon(() => applied.length === 3_310);
  });

  test('When partitions have come to where the log ended at first, then nobody waits for anybody', async () => {
    const { applied, state } = projecting([timed(10, 1), timed(10, 10)], { paced: true });
    await soon(() => applied.length === 20);
    state.logs[0]!.push(...timed(3_000, 1).slice(10));
    state.logs[1]!.push(...timed(300, 10).slice(10));
    await soon(() => applied.length === 3_300);
    expect(applied.indexOf('1:299')).toBeLessThan(applied.indexOf('0:990'));
  });

  test('When the database is away, then the same batch is tried again until it is there, and the place in the group is kept', async () => {
    const { applied, instead, state } = projecting([records(5)]);
    const away = () => {
      throw new StoreUnavailableError('away');
    };
    instead.push(away, away, away);
    await soon(() => applied.length === 5);
    expect(applied).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4']);
    expect(state.joins).toBe(1);
  });

  test('When a transaction came through without an answer, then nothing of it is applied again, nor skipped', async () => {
    const { applied, apply, instead, state } = projecting([records(5)]);
    instead.push((batch) => {
      apply(batch);
      throw new StoreUnavailableError('lost the answer');
    });
    await soon(() => applied.length === 5);
    state.logs[0]!.push(...records(2, 5));
    await soon(() => applied.length === 7);
    expect(applied.at(-1)).toBe('0:6');
  });

  test('When another member has gone on with a partition, then reading goes on where the tables are', async () => {
    const { applied, instead, positions, state } = projecting([records(5)]);
    instead.push(() => {
      positions.set(0, '8');
      return { kind: 'overtaken', next: '8' };
    });
    state.logs[0]!.push(...records(5, 5));
    await soon(() => applied.length === 2);
    expect(applied).toEqual(['0:8', '0:9']);
  });

  test('When fresh tables that are behind were put in place, then reading goes back to where they are', async () => {
    const { applied, positions, state } = projecting([records(5)]);
    await soon(() => applied.length === 5);
    positions.set(0, '3');
    state.logs[0]!.push(...records(1, 5));
    await soon(() => applied.length === 8);
    expect(applied.slice(5)).toEqual(['0:3', '0:4', '0:5']);
  });

  test('When there is nothing but the marks of transactions, then the tables pass them', async () => {
    const { positions } = projecting([[...records(2), { offset: 2, isControlRecord: true }], records(3, 0, { isControlRecord: true })]);
    await soon(() => positions.get(0) === '3' && positions.get(1) === '3');
  });

  test('When retention has cut off what was not read, then the tables are asked with where the log begins, and reading goes on', async () => {
    const { applied, starts, state } = projecting([records(2)]);
    await soon(() => applied.length === 2);
    state.logs[0] = records(3, 10);
    state.lows[0] = 10;
    // As a broker answers a fetch of what is no longer there.
    state.fetchErrors.set(1, CODES.offsetOutOfRange);
    await soon(() => applied.length === 5);
    expect(applied.slice(2)).toEqual(['0:10', '0:11', '0:12']);
    expect(starts.at(-1)).toEqual({ partition: 0, low: '10' });
  });

  test('When the tables are beyond the end of the log, then they are asked with that end', async () => {
    const { applied, starts } = projecting([records(3)], { from: { 0: '50' } });
    await soon(() => applied.length === 3);
    expect(starts).toEqual([{ partition: 0, low: '0' }, { partition: 0, low: '0', high: '3' }]);
  });

  test('When it is stopped while a transaction is under way, then that comes to its end, and nothing is begun after it', async () => {
    const { applied, apply, instead, projector } = projecting([records(900)]);
    const gate = deferred();
    let begun = false;
    instead.push(async (batch) => {
      begun = true;
      await gate.promise;
      return apply(batch);
    });
    await soon(() => begun);
    const stopped = projector.stop();
    gate.resolve();
    await stopped;
    const count = applied.length;
    expect(count).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(applied).toHaveLength(count);
  });
});
