import type { Fault, Look } from '../../src/kafka/access';
import { createAccessWatch } from '../../src/kafka/access-watch';
import { recordingLogger } from '../support/fakes';

const aFault = (operation: string, resource: string): Fault => ({ operation, resource, reason: 'no right to it', remedy: 'grant it' });
const WRITE = aFault('Write', 'topic payments');
const READ = aFault('Read', 'topic orders');

describe('16 watch of the access', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Finds what `state.found` is; everything that passes is told. */
  const watched = (found: Awaited<ReturnType<Look>>) => {
    const state = { found, looks: 0 };
    const { logger, lines } = recordingLogger();
    const look: Look = async () => {
      state.looks += 1;
      return state.found;
    };
    const watch = createAccessWatch({ look, principal: 'User:shop', logger });
    watch.start();
    return { watch, state, said: () => lines.splice(0).map(({ level, message, operation, resource }) => [level, message, operation, resource].join(' ')), lines };
  };
  const pass = (ms: number): Promise<unknown> => jest.advanceTimersByTimeAsync(ms);

  test('When nothing is refused, then it looks once, and again when something fails', async () => {
    const { watch, state, said } = watched([]);
    const heard: number[] = [];
    const onFailed = watch.alsoCheck((records: number) => void heard.push(records));
    await pass(60_000);
    expect(state.looks).toBe(1);
    onFailed(3);
    await pass(1);
    expect([state.looks, heard, watch.granted(), said()]).toEqual([2, [3], true, []]);
  });

  test('When much fails at a time, then it looks every two seconds at most, and once more after the last', async () => {
    const { watch, state } = watched([]);
    await pass(10_000);
    for (let failure = 0; failure < 100; failure += 1) {
      watch.alsoCheck(() => undefined)();
      await pass(50);
    }
    expect(state.looks).toBe(4);
    await pass(60_000);
    expect(state.looks).toBe(5);
  });

  test('When something is refused, then it says so once, with whom and what to do, and is not granted', async () => {
    const { watch, lines } = watched([WRITE]);
    await pass(60_000);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'error', message: 'access refused', principal: 'User:shop', ...WRITE });
    expect(watch.granted()).toBe(false);
  });

  test('When what is refused changes, then each change is said; when it is over, then that too, without being told', async () => {
    const { watch, state, said } = watched([WRITE]);
    await pass(1);
    state.found = [WRITE, READ];
    await pass(2_000);
    state.found = [READ];
    await pass(2_000);
    expect(said()).toEqual(['error access refused Write topic payments', 'error access refused Read topic orders',
      'info access granted again Write topic payments']);
    expect(watch.granted()).toBe(false);
    state.found = [];
    await pass(2_000);
    expect([watch.granted(), said()]).toEqual([true, ['info access granted again Read topic orders']]);
  });

  test('When nobody can be asked, then it is as it was, and is looked at until it is known', async () => {
    const { watch, state, said } = watched(undefined);
    await pass(10_000);
    expect([watch.granted(), state.looks > 4, said()]).toEqual([true, true, []]);
    state.found = [WRITE];
    await pass(2_000);
    state.found = undefined;
    await pass(10_000);
    expect([watch.granted(), said()]).toEqual([false, ['error access refused Write topic payments']]);
  });

  test('When it is stopped, then it looks and says nothing more', async () => {
    const { watch, state, said } = watched([WRITE]);
    watch.stop();
    await pass(60_000);
    expect([state.looks, said()]).toEqual([1, []]);
  });
});
