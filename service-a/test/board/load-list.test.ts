import type { Page } from '../../board/api.ts';
import { UnreachableError } from '../../board/http.ts';
import { loadList } from '../../board/load-list.ts';
import { createStore } from '../../board/store.ts';
import { orderIdOf } from '../support/builders';
import { aCompleted, aView } from './builders';

const { signal } = new AbortController();

/** A list of pages, each named by its number; what `before` does happens while the page is on its way. */
const paged = (pages: Page['orders'][], before: (page: number) => void = () => undefined) => {
  const asked: number[] = [];
  const fetchPage = async (cursor: string | undefined): Promise<Page> => {
    const page = Number(cursor ?? 0);
    asked.push(page);
    before(page);
    return { orders: pages[page]!, next: page + 1 < pages.length ? String(page + 1) : undefined };
  };
  return { fetchPage, asked };
};

const load = async (store: ReturnType<typeof createStore>, fetchPage: ReturnType<typeof paged>['fetchPage'], max = 100): Promise<void> =>
  loadList({ fetchPage, store, max, signal, onPage: () => undefined });

test('When a page is empty and has a next one, then reading goes on to the end', async () => {
  const store = createStore({ max: 100 });
  const { fetchPage, asked } = paged([[aView(1)], [], [aView(2)]]);
  await load(store, fetchPage);
  expect(asked).toEqual([0, 1, 2]);
  expect(store.list('all')).toHaveLength(2);
});

test('When as many are read as are held, then no more pages are asked for', async () => {
  const { fetchPage, asked } = paged([[aView(4), aView(3)], [aView(2), aView(1)], [aView(0)]]);
  await load(createStore({ max: 4 }), fetchPage, 4);
  expect(asked).toEqual([0, 1]);
});

test('When an event comes while its page is on the way, then the event stands', async () => {
  const store = createStore({ max: 100 });
  const { fetchPage } = paged([[aView(1)], [aView(2)]], (page) => {
    if (page === 1) store.apply(aCompleted(2));
  });
  await load(store, fetchPage);
  expect(store.get(orderIdOf(2))?.order.status).toBe('completed');
});

test('When the list was read, then an order that is no longer there is gone, and one placed meanwhile is not', async () => {
  const store = createStore({ max: 100 });
  store.apply(aView(7));
  const { fetchPage } = paged([[aView(1)]], () => store.apply(aView(8)));
  await load(store, fetchPage);
  expect(store.list('all').map(({ orderId }) => orderId)).toEqual([8, 1].map(orderIdOf));
});

test('When service-a is away for a while, then reading goes on with the page that failed', async () => {
  jest.useFakeTimers();
  const store = createStore({ max: 100 });
  const { fetchPage, asked } = paged([[aView(1)], [aView(2)]], (page) => {
    if (page === 1 && asked.length < 4) throw new UnreachableError();
  });
  await Promise.all([load(store, fetchPage), jest.runAllTimersAsync()]);
  jest.useRealTimers();
  expect(asked).toEqual([0, 1, 1, 1]);
  expect(store.list('all')).toHaveLength(2);
});

test('When it is stopped, then nothing more is merged and nothing is dropped', async () => {
  const stop = new AbortController();
  const store = createStore({ max: 100 });
  store.apply(aView(7));
  const { fetchPage } = paged([[aView(1)]], () => stop.abort());
  await expect(loadList({ fetchPage, store, max: 100, signal: stop.signal, onPage: () => undefined })).rejects.toMatchObject({ name: 'AbortError' });
  expect(store.list('all').map(({ orderId }) => orderId)).toEqual([orderIdOf(7)]);
});
