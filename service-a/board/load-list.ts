import type { Page } from './api.ts';
import { patiently } from './patience.ts';
import type { Store } from './store.ts';

/**
 * Reads the list into the store, page by page, until `max` orders or the end; what the store holds beyond that is no longer there and goes.
 * Goes on through outages. Rejects when `signal` aborts, and when service-a refuses a page.
 */
export const loadList = async ({ fetchPage, store, max, signal, onPage }: {
  fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<Page>;
  store: Pick<Store, 'mark' | 'merge' | 'sweep'>;
  max: number;
  signal: AbortSignal;
  onPage: () => void;
}): Promise<void> => {
  const started = store.mark();
  let cursor: string | undefined;
  let read = 0;
  do {
    const { page, asked } = await patiently(async () => ({ asked: store.mark(), page: await fetchPage(cursor, signal) }), { signal });
    signal.throwIfAborted();
    store.merge(page.orders, asked);
    onPage();
    read += page.orders.length;
    cursor = page.next;
  } while (cursor !== undefined && read < max);
  store.sweep(started);
};
