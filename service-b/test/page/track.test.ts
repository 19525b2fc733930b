import type { Choice } from '../../page/api.ts';
import { UnreachableError } from '../../page/http.ts';
import { createMemory } from '../../page/memory.ts';
import type { Plan, Redrive } from '../../page/redrive.ts';
import { createTrack, type View } from '../../page/track.ts';
import { aRedrive } from './builders';

const choice: Choice = { filter: { type: 'GatewayUnavailableError' } };
const aPlan = (before: number, toPutBack: number): Plan => ({ chosen: 40, toPutBack, skipped: [{ reason: 'put back before', count: before }] });

const aTrack = (held = new Map<string, string>()) => {
  const server = { redrive: undefined as Redrive | undefined, away: false, plan: aPlan(0, 40) };
  const views: (View | undefined)[] = [];
  const adopted: string[] = [];
  const runs: Choice[] = [];
  const answer = (): void => {
    if (server.away) throw new UnreachableError();
  };
  const track = createTrack({
    fetchRedrive: async (id) => {
      answer();
      return server.redrive?.id === id ? server.redrive : undefined;
    },
    fetchRunning: async () => {
      answer();
      return server.redrive?.state === 'running' ? server.redrive : undefined;
    },
    dryRun: async (asked) => {
      answer();
      runs.push(asked);
      return server.plan;
    },
    memory: createMemory({ getItem: (key) => held.get(key) ?? null, setItem: (key, value) => void held.set(key, value) }),
    onView: (view) => views.push(view),
    onAdopt: (id) => adopted.push(id),
  });
  const last = (): View | undefined => views.at(-1);
  return { track, server, views, last, adopted, runs, held };
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());
const rest = (): Promise<unknown> => jest.advanceTimersByTimeAsync(0);

test('When a redrive is begun here, then it is followed, and the address names it once', () => {
  const { track, last, adopted } = aTrack();
  track.begun(aRedrive(), choice, aPlan(0, 40));
  track.told(aRedrive({ putBack: 5, pending: 5 }));
  expect(last()).toMatchObject({ id: 'r-1', running: true, text: '5 of 38 dead letters put back: 5 pending.', rest: undefined });
  expect(adopted).toEqual(['r-1']);
});

test('When another window has begun one, then it is followed here too; one that has ended is not', () => {
  const { track, last, adopted } = aTrack();
  track.told(aRedrive({ state: 'done' }));
  expect(last()).toBeUndefined();
  track.told(aRedrive());
  expect(last()).toMatchObject({ id: 'r-1', running: true });
  track.told(aRedrive({ id: 'r-2' }));
  expect(adopted).toEqual(['r-1']);
  track.told(aRedrive({ state: 'done' }));
  track.told(aRedrive({ id: 'r-2' }));
  expect(adopted).toEqual(['r-1', 'r-2']);
});

test('When the page was opened while one is under way, then that is followed', async () => {
  const { track, server, last, adopted } = aTrack();
  server.redrive = aRedrive({ putBack: 7, pending: 7 });
  track.connected(true);
  await rest();
  expect(last()).toMatchObject({ running: true, redrive: { putBack: 7 } });
  expect(adopted).toEqual(['r-1']);
});

test('When the page was loaded anew, then the redrive of its address goes on to be shown', async () => {
  const { track, server, last } = aTrack();
  server.redrive = aRedrive({ state: 'done', putBack: 38, paid: 38 });
  track.show('r-1');
  expect(last()).toMatchObject({ text: 'Asking for it …', running: false });
  await rest();
  expect(last()!.text).toBe('Done. 38 of 38 dead letters put back: 38 paid.');
});

test('When service-b does not answer, then it is not said that it goes on', () => {
  const { track, last } = aTrack();
  track.begun(aRedrive({ putBack: 12, pending: 12 }), choice, aPlan(0, 40));
  track.connected(false);
  expect(last()!.text).toMatch(/12 of 38 dead letters put back when service-b last answered\. Whether it goes on is not known\./);
});

test('When service-b was killed in the middle of it, then the log is asked what was put back, by the same choice less what failed since', async () => {
  const { track, server, last, runs } = aTrack();
  track.begun(aRedrive({ putBack: 12, pending: 12 }), choice, aPlan(0, 40));
  track.connected(false);
  server.plan = aPlan(15, 25);
  track.connected(true);
  await rest();
  expect(runs).toEqual([{ filter: { type: 'GatewayUnavailableError', until: '2026-11-22T11:00:00.000Z' } }]);
  expect(last()).toMatchObject({ running: false, rest: choice });
  expect(last()!.text).toMatch(/15 of 40 dead letters were put back, 25 can still be\./);
});

test('When the page is loaded anew after that, then it says the same; another window makes up nothing', async () => {
  const { track, held } = aTrack();
  track.begun(aRedrive(), choice, aPlan(0, 40));
  const again = aTrack(held);
  again.server.plan = aPlan(40, 0);
  again.track.show('r-1');
  await rest();
  expect(again.last()).toMatchObject({ rest: undefined, running: false });
  expect(again.last()!.text).toMatch(/40 of 40 dead letters were put back, 0 can still be\./);
  const other = aTrack();
  other.track.show('r-1');
  await rest();
  expect(other.last()!.text).toMatch(/no longer knows this redrive.*the list shows it/);
  expect(other.runs).toEqual([]);
});

test('When the filter ended before the redrive began, then the log is asked by that', async () => {
  const { track, runs } = aTrack();
  const until = '2026-11-22T10:30:00.000Z';
  track.begun(aRedrive(), { filter: { until } }, aPlan(0, 40));
  track.connected(true);
  await rest();
  expect(runs).toEqual([{ filter: { until } }]);
});

test('When it had ended and every outcome was told, then that stands although service-b was started anew', async () => {
  const { track, last, runs } = aTrack();
  track.begun(aRedrive(), { positions: ['0:1'] }, aPlan(0, 1));
  track.told(aRedrive({ state: 'done', toPutBack: 1, putBack: 1, paid: 1 }));
  track.connected(false);
  track.connected(true);
  await rest();
  expect(last()!.text).toBe('Done. 1 of 1 dead letter put back: 1 paid.');
  expect(runs).toEqual([]);
});

test('When it was stopped, then the rest can be chosen; when it is closed, then nothing is shown', () => {
  const { track, last } = aTrack();
  track.begun(aRedrive(), choice, aPlan(0, 40));
  track.told(aRedrive({ state: 'stopped', putBack: 3, pending: 3 }));
  expect(last()).toMatchObject({ running: false, rest: choice });
  track.show(undefined);
  expect(last()).toBeUndefined();
});

test('When service-b is away while it is asked, then it is asked until it answers', async () => {
  const { track, server, last } = aTrack();
  server.away = true;
  track.show('r-1');
  await jest.advanceTimersByTimeAsync(3_000);
  server.away = false;
  server.redrive = aRedrive({ putBack: 1, pending: 1 });
  await jest.advanceTimersByTimeAsync(10_000);
  expect(last()).toMatchObject({ running: true, redrive: { putBack: 1 } });
});
