import { createProgress } from '../../src/utils/progress';

/** Progress at times that the test sets, in milliseconds. */
const aProgress = (isTTY: boolean) => {
  const written: string[] = [];
  const progress = createProgress({ isTTY, write: (text: string) => written.push(text) > 0 });
  return { ...progress, written };
};

describe('progress', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('When a terminal is there, then one line is written anew, and cleared for what comes next', () => {
    const { show, clear, written } = aProgress(true);
    for (let i = 1; i <= 25; i += 1) {
      jest.advanceTimersByTime(10);
      show(`${i} of 25`);
    }
    clear();
    clear();
    expect(written).toEqual(['\r\u001b[K10 of 25', '\r\u001b[K20 of 25', '\r\u001b[K']);
  });

  test('When none is there, then it is a line every few seconds, none for what is quick', () => {
    const { show, clear, written } = aProgress(false);
    for (let i = 1; i <= 12; i += 1) {
      jest.advanceTimersByTime(1_000);
      show(`${i} of 12`);
    }
    clear();
    expect(written).toEqual(['5 of 12\n', '10 of 12\n']);
  });
});
