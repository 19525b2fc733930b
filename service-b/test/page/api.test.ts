import { beginRedrive, dryRun, fetchLetter, fetchLetters, fetchRedrive, fetchRunning, fetchStanding, stopRedrive } from '../../page/api.ts';
import { aLetter, aRedrive } from './builders';

const { signal } = new AbortController();
const asked: [path: unknown, init: RequestInit | undefined][] = [];

const answering = (body: unknown, status = 200): void => {
  asked.length = 0;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (path, init) => {
    asked.push([path, init]);
    return Response.json(body, { status });
  });
};
afterEach(() => jest.restoreAllMocks());

test('When letters are asked for, then the filter and the cursor go along, and what is no letter is left out', async () => {
  answering({ items: [aLetter(), {}], next: 'n', total: 9, types: [{}], asOf: '2026-11-22T10:00:00.000Z', complete: false, indexed: 1, left: 8, cut: true });
  expect(await fetchLetters({ type: 'A B', since: '2026-11-22T10:00:00.000Z' }, { after: 'c', limit: 50 }, signal)).toEqual({
    letters: [aLetter()], next: 'n', total: 9, types: [], asOf: '2026-11-22T10:00:00.000Z', left: 8, cut: true,
  });
  expect(asked[0]![0]).toBe('/dead-letters?type=A+B&since=2026-11-22T10%3A00%3A00.000Z&limit=50&after=c');
});

test('When a letter or a redrive is not there, then there is none', async () => {
  answering({ detail: 'no' }, 404);
  expect([await fetchLetter('2:41'), await fetchRedrive('a')]).toEqual([undefined, undefined]);
  expect(asked.map(([path]) => path)).toEqual(['/dead-letters/2/41', '/dead-letters/redrives/a']);
});

test('When a dry run is asked for, then it says so, and names no rate', async () => {
  answering({ chosen: 2, toPutBack: 1, skipped: [{ reason: 'order is paid', count: 1 }] });
  expect(await dryRun({ positions: ['0:1', '0:2'] })).toEqual({ chosen: 2, toPutBack: 1, skipped: [{ reason: 'order is paid', count: 1 }] });
  expect(asked[0]![1]).toMatchObject({ method: 'POST', body: '{"positions":["0:1","0:2"],"dryRun":true}', headers: { 'Content-Type': 'application/json' } });
});

test('When a redrive is begun, then it is told with its rate', async () => {
  answering(aRedrive(), 202);
  expect(await beginRedrive({ filter: { type: 'A' } }, 20)).toEqual(aRedrive());
  expect(asked[0]![1]!.body).toBe('{"filter":{"type":"A"},"rate":20,"dryRun":false}');
});

test('When an answer is none of those that were agreed, then nothing is made of it', async () => {
  answering('odd');
  await expect(dryRun({ positions: [] })).rejects.toThrow('no plan');
  await expect(beginRedrive({ positions: [] }, 1)).rejects.toThrow('no redrive');
  await expect(fetchLetters({}, { after: undefined, limit: 1 }, signal)).rejects.toThrow('no list');
  await expect(fetchStanding()).rejects.toThrow('no status');
});

test('When the one that is under way is asked for, then those that have ended are passed over', async () => {
  answering({ redrives: [aRedrive({ id: 'old', state: 'done' }), aRedrive()] });
  expect(await fetchRunning()).toEqual(aRedrive());
  answering({ redrives: [aRedrive({ state: 'stopped' })] });
  expect(await fetchRunning()).toBeUndefined();
});

test('When a redrive is stopped, then it is deleted', async () => {
  answering(aRedrive(), 202);
  await stopRedrive('r-1');
  expect(asked[0]).toEqual(['/dead-letters/redrives/r-1', { method: 'DELETE' }]);
});
