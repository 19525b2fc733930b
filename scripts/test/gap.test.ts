import { createGap } from '../drill/gap';

describe('the longest time between two events', () => {
  it('When events come at different intervals, then it is the longest of these', () => {
    const gap = createGap();
    for (const at of [1_000, 1_010, 1_510, 1_520]) gap.note(at);
    expect(gap.longestMs()).toBe(500);
  });

  it('When it was interrupted, then what lies between is no gap', () => {
    const gap = createGap();
    gap.note(1_000);
    gap.interrupt();
    gap.note(9_000);
    expect(gap.longestMs()).toBe(0);
  });
});
