import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capacityOf, costOf, limitsOf, MEASURED, needsOf, tables, type Setup } from '../capacity';

const aSetup = (differences: Partial<Setup> = {}): Setup => ({ overlays: [], serviceA: 1, serviceB: 1, partitions: 3, ...differences });
const slow = { latencyMs: 100, concurrency: 10 };

describe('the model', () => {
  test.each(MEASURED)('When $what was measured, then what is predicted is off by a quarter at most', ({ setup, ordersPerSecond }) => {
    expect(Math.abs(capacityOf(setup).ordersPerSecond / ordersPerSecond - 1)).toBeLessThan(0.25);
  });

  test('When overlays are laid over each other, then their costs add up', () => {
    expect(costOf(['postgres', 'cluster'])).toEqual({ serviceA: 223, serviceB: 85, brokers: 308, database: 95, provider: 0 });
  });

  test('When there are as many members as partitions, then one more changes nothing', () => {
    const of = (serviceB: number): number => capacityOf(aSetup({ serviceB, gateway: slow })).ordersPerSecond;
    expect([of(1), of(2), of(3), of(4)].map(Math.round)).toEqual([100, 150, 300, 300]);
  });

  test('When the gateway is slow, then it saturates first', () => {
    expect(capacityOf(aSetup({ gateway: slow })).saturatesFirst).toBe('gateway');
  });

  test('When orders are held in memory, then more instances help less and less, and at last not at all', () => {
    const of = (serviceA: number, overlays: Setup['overlays'] = []): number => limitsOf(aSetup({ serviceA, overlays }))['service-a']!;
    expect(of(2) / of(1)).toBeLessThan(1.7);
    expect(of(1_000)).toBeLessThan(40_000);
    expect(needsOf({ peak: 100_000, perDay: 1 }, []).serviceA).toBeUndefined();
    expect(of(2, ['postgres']) / of(1, ['postgres'])).toBe(2);
  });

  test('When more is needed, then there are partitions for all members', () => {
    const { serviceB, partitions } = needsOf({ peak: 20_000, perDay: 1 }, ['provider']);
    expect(serviceB).toBeGreaterThan(3);
    expect(partitions).toBeGreaterThanOrEqual(serviceB);
  });
});

describe('docs/scale.md', () => {
  test.each(Object.entries(tables()))('When the model says otherwise, then its table %s is to be put in anew', (_name, table) => {
    expect(readFileSync(join(__dirname, '../../docs/scale.md'), 'utf8')).toContain(table);
  });
});
