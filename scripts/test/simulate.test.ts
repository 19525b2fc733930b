import { createRandom } from '../drill/random';
import { createClock } from '../simulate/clock';
import { createLedger } from '../simulate/ledger';
import { CODE, createPartition, type Partition } from '../simulate/partition';
import { runSeed } from '../simulate/seed';
import { newActor } from '../simulate/timers';

jest.setTimeout(60_000);

/** On one broker. */
const SEED = 9;

describe('a seed', () => {
  test('When it runs again, then all happens as it did, and otherwise with another seed', async () => {
    const first = await runSeed(SEED);
    const second = await runSeed(SEED);
    const other = await runSeed(SEED + 1);
    expect(first.violations).toEqual([]);
    expect(first.orders).toBeGreaterThan(0);
    expect(second).toEqual(first);
    expect(other.hash).not.toBe(first.hash);
  });

  test('When an accepted order is missing from the log, then it is told', async () => {
    const { violations } = await runSeed(SEED, { sabotage: ({ orders }) => void orders.splice(0) });
    expect(violations).toContainEqual(expect.stringMatching(/^accepted .* is not in orders$/));
  });

  test('When an outcome is missing, then its record is told, and that it was committed', async () => {
    const { violations } = await runSeed(SEED, { sabotage: ({ payments, deadLetters }) => {
      payments.splice(0);
      deadLetters.splice(0);
    } });
    expect(violations).toContainEqual(expect.stringContaining('of orders has no outcome'));
    expect(violations).toContainEqual(expect.stringMatching(/was committed before .* had an outcome/));
  });

  test('When it is over, then the clocks are the real ones again', async () => {
    const real = { Date, setTimeout, random: Math.random };
    await runSeed(SEED);
    expect({ Date, setTimeout, random: Math.random }).toEqual(real);
  });
});

describe('what was asked and told', () => {
  const noted = () => {
    const told: string[] = [];
    const ledger = createLedger((what) => told.push(what));
    const actor = newActor('service');
    const request = { api: 'Produce', fields: { topicData: [{ topic: 'orders', partitions: [{ partition: 0, messages: [{ key: 'k', value: 'v' }] }] }] } };
    return {
      told,
      mayHold: () => ledger.mayHold('k'),
      send: (by = actor) => ledger.sent(by, request),
      answer: (errorCode: number, baseOffset: string) =>
        ledger.answered(actor, request, { topics: [{ topicName: 'orders', partitions: [{ partition: 0, errorCode, baseOffset }] }] }),
    };
  };

  test('When a record is sent again, then it is told if its offset was known to the process', () => {
    const { told, send, answer } = noted();
    send();
    answer(CODE.NOT_ENOUGH_REPLICAS, '-1');
    send();
    answer(CODE.NONE, '-1');
    send();
    answer(CODE.NONE, '7');
    send(newActor('another'));
    expect(told).toEqual([]);
    send();
    expect(told).toEqual(['service sent a record of orders/0 again that was acknowledged']);
  });

  test('When requests were refused before an append, then no broker can hold the key; else one may', () => {
    const { mayHold, send, answer } = noted();
    expect(mayHold()).toBe(false);
    send();
    expect(mayHold()).toBe(true);
    answer(CODE.NOT_ENOUGH_REPLICAS, '-1');
    expect(mayHold()).toBe(false);
    send();
    answer(CODE.REQUEST_TIMED_OUT, '-1');
    expect(mayHold()).toBe(true);
  });
});

describe('virtual time', () => {
  const inTime = async (begin: (clock: ReturnType<typeof createClock>, told: string[]) => void): Promise<string[]> => {
    const told: string[] = [];
    const clock = createClock({ onError: ({ name }, error) => told.push(`${name} threw ${String(error)}`) });
    const restore = clock.install();
    try {
      begin(clock, told);
      clock.after(100, () => told.push('end'));
      await clock.run(() => told.includes('end'));
    } finally {
      restore();
    }
    return told;
  };

  test('When timers are due, then they fire in order, and promises run dry in between', async () => {
    const told = await inTime((_clock, lines) => {
      setTimeout(() => lines.push('20 ms'), 20);
      setTimeout(() => void Promise.resolve().then(() => lines.push('after 10 ms')), 10);
      setTimeout(() => lines.push('10 ms'), 10);
    });
    expect(told).toEqual(['after 10 ms', '10 ms', '20 ms', 'end']);
  });

  test('When an actor is killed, then nothing of it happens any more; when it is frozen, it happens after the thaw', async () => {
    const told = await inTime((clock, lines) => {
      const [killed, frozen] = [newActor('killed'), newActor('frozen')];
      for (const actor of [killed, frozen]) {
        clock.after(0, () => void setTimeout(() => lines.push(`${actor.name} at ${clock.elapsed()}`), 10), actor);
      }
      clock.after(5, () => {
        killed.alive = false;
        clock.freeze(frozen);
      });
      clock.after(50, () => clock.thaw(frozen));
    });
    expect(told).toEqual(['frozen at 50', 'end']);
  });
});

describe('a partition in memory', () => {
  type Fault = (partition: Partition, working: Set<number>, tell: (code: number) => void) => void;
  const inMemory = async (fault: Fault) => {
    const codes: number[] = [];
    const working = new Set([1, 2, 3]);
    const clock = createClock({ onError: (_actor, error) => { throw error; } });
    const partition = createPartition({
      topic: 'orders', id: 0, replicas: [1, 2, 3], minIsr: 2, clock, random: createRandom(1),
      network: { works: (nodeId) => working.has(nodeId) },
    });
    const restore = clock.install();
    clock.after(0, () => fault(partition, working, (code) => codes.push(code)));
    await clock.run(() => codes.length > 0);
    restore();
    return { codes, partition };
  };

  test('When all of the ISR holds a record, then it is acknowledged', async () => {
    const { codes, partition } = await inMemory((log, _working, tell) => log.append([{}], 5_000, tell));
    expect(codes).toEqual([CODE.NONE]);
    expect(partition.highWatermark()).toBe(1);
  });

  test('When the leader dies before a follower has the record, then it is not acknowledged, and gone', async () => {
    const { codes, partition } = await inMemory((log, working, tell) => {
      log.append([{}], 5_000, tell);
      working.delete(1);
      log.lose(1, (from) => from[0]!);
    });
    expect(codes).toEqual([CODE.NOT_LEADER_FOR_PARTITION]);
    expect(partition.leader()).toBe(2);
    expect(partition.records).toHaveLength(0);
  });

  test('When fewer than min.insync.replicas are left, then it takes nothing', async () => {
    const { codes, partition } = await inMemory((log, _working, tell) => {
      log.lose(2, (from) => from[0]!);
      log.lose(3, (from) => from[0]!);
      log.append([{}], 5_000, tell);
    });
    expect(codes).toEqual([CODE.NOT_ENOUGH_REPLICAS]);
    expect(partition.records).toHaveLength(0);
  });
});
