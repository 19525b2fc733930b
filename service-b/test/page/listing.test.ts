import type { LetterPage } from '../../page/api.ts';
import { ProblemError, UnreachableError } from '../../page/http.ts';
import { createListing, type Shown } from '../../page/listing.ts';
import { aLetter, aPage } from './builders';

type Ask = { filter: object; after: string | undefined; limit: number };

/** A listing over `total` letters; `before` may fail an answer. */
const aListing = (total: number, before: (ask: Ask) => void = () => undefined) => {
  const all = Array.from({ length: total }, (_, i) => aLetter(total - i));
  const asks: Ask[] = [];
  const shown: Shown[] = [];
  const listing = createListing({
    fetchLetters: async (filter, { after, limit }): Promise<LetterPage> => {
      const ask = { filter, after, limit };
      asks.push(ask);
      before(ask);
      const from = Number(after ?? 0);
      return aPage(all.slice(from, from + limit), { total, next: from + limit < total ? String(from + limit) : undefined });
    },
    onShown: (next) => shown.push(next),
  });
  return { listing, asks, shown };
};

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());
const rest = (): Promise<unknown> => jest.advanceTimersByTimeAsync(500);

test('When a list is asked for, then its newest letters are shown, and whether there are more', async () => {
  const { listing, shown } = aListing(60);
  listing.filter({ type: 'A' });
  await rest();
  expect(shown).toHaveLength(1);
  expect(shown[0]).toMatchObject({ filter: { type: 'A' }, total: 60, more: true, fault: undefined });
  expect(shown[0]!.letters).toHaveLength(50);
});

test('When older ones are asked for, then they come below, page by page, and a change reads as far again', async () => {
  const { listing, asks, shown } = aListing(600);
  listing.filter({});
  await rest();
  listing.more();
  await rest();
  expect(shown.at(-1)!.letters).toHaveLength(250);
  asks.length = 0;
  listing.changed();
  await rest();
  expect(asks.map(({ after, limit }) => [after, limit])).toEqual([[undefined, 200], ['200', 50]]);
  expect(shown.at(-1)!.letters.map(({ position }) => position)).toEqual(Array.from({ length: 250 }, (_, i) => `0:${600 - i}`));
});

test('When another filter is set, then its newest come, as few as at first', async () => {
  const { listing, asks } = aListing(600);
  listing.filter({});
  listing.more();
  await rest();
  listing.filter({ type: 'A' });
  await rest();
  expect(asks.at(-1)).toEqual({ filter: { type: 'A' }, after: undefined, limit: 50 });
});

test('When a thousand are shown, then no more are asked for', async () => {
  const { listing, shown } = aListing(2_000);
  listing.filter({});
  for (let i = 0; i < 8; i += 1) {
    listing.more();
    await rest();
  }
  expect(shown.at(-1)!.letters).toHaveLength(1_000);
});

test('When much changes, then it is read again at most every 400 ms, and once more at the end', async () => {
  const { listing, asks } = aListing(1);
  listing.filter({});
  for (let i = 0; i < 20; i += 1) {
    await jest.advanceTimersByTimeAsync(50);
    listing.changed();
  }
  await jest.advanceTimersByTimeAsync(5_000);
  expect(asks).toHaveLength(4);
});

test('When another filter is set while a page is on its way, then its answer is not shown any more', async () => {
  const { listing, shown } = aListing(3);
  listing.filter({ type: 'A' });
  listing.filter({ type: 'B' });
  await rest();
  expect(shown.map(({ filter }) => filter)).toEqual([{ type: 'B' }]);
});

test('When service-b is away, then what was shown stands, and it is asked again until it answers, or at once when told', async () => {
  let away = false;
  const { listing, shown, asks } = aListing(2, () => {
    if (away) throw new UnreachableError();
  });
  listing.filter({});
  await rest();
  away = true;
  listing.changed();
  await jest.advanceTimersByTimeAsync(8_000);
  expect(shown).toHaveLength(1);
  expect(asks.length).toBeGreaterThan(3);
  away = false;
  listing.again();
  await jest.advanceTimersByTimeAsync(0);
  expect(shown).toHaveLength(2);
});

test('When the list is refused, then it is told why', async () => {
  const { listing, shown } = aListing(2, () => { throw new ProblemError(400, 'since is no time.', [], undefined); });
  listing.filter({ since: 'x' });
  await rest();
  expect(shown.at(-1)).toMatchObject({ letters: [], fault: 'since is no time.' });
});
