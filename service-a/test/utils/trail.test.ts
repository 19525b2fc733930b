import { createTrail } from '../../src/utils/trail';
import { recordingLogger } from '../support/fakes';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const aTrail = (perSecond: number) => {
  const { logger, lines } = recordingLogger();
  return { trail: createTrail({ logger, perSecond }), lines };
};

describe('trail', () => {
  test('When lines are within the bound, then each is logged with its fields', () => {
    const { trail, lines } = aTrail(2);
    trail.log('order published', { orderId: 'a' });
    trail.log('order published', { orderId: 'b' });
    trail.close();
    expect(lines).toEqual([
      { level: 'info', message: 'order published', orderId: 'a' },
      { level: 'info', message: 'order published', orderId: 'b' },
    ]);
  });

  test('When there are more of one message, then the rest of the second is summed up in one line', () => {
    const { trail, lines } = aTrail(1);
    for (let number = 0; number < 5; number += 1) trail.log('order published', { number });
    trail.log('order updated', {});
    jest.advanceTimersByTime(1_000);
    expect(lines).toEqual([
      { level: 'info', message: 'order published', number: 0 },
      { level: 'info', message: 'order updated' },
      { level: 'info', message: 'trail sampled', of: 'order published', logged: 1, left: 4 },
    ]);
    trail.close();
  });

  test('When the next second begins, then lines are logged again', () => {
    const { trail, lines } = aTrail(1);
    trail.log('order published', { number: 1 });
    jest.advanceTimersByTime(1_000);
    trail.log('order published', { number: 2 });
    trail.close();
    expect(lines.map(({ number }) => number)).toEqual([1, 2]);
  });

  test('When none may be logged, then only the sum is', () => {
    const { trail, lines } = aTrail(0);
    trail.log('order published', {});
    trail.close();
    expect(lines).toEqual([{ level: 'info', message: 'trail sampled', of: 'order published', logged: 0, left: 1 }]);
  });

  test('When warnings are logged beside a trail that samples everything, then each is there', () => {
    const { logger, lines } = recordingLogger();
    const trail = createTrail({ logger, perSecond: 0 });
    for (let number = 0; number < 50; number += 1) logger.warn('record skipped: cannot be read', { number });
    trail.close();
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(50);
  });
});
