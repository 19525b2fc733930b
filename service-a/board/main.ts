import { fetchPage } from './api.ts';
import { createDetail } from './detail.ts';
import { byId, oncePerFrame, setText } from './dom.ts';
import { connectionTexts, createFeed } from './feed.ts';
import { createFigures } from './figures.ts';
import { countText } from './format.ts';
import { createList } from './list.ts';
import { loadList } from './load-list.ts';
import { isCounts, isOrder, isResumed } from './order.ts';
import { backoffMs, pause } from './patience.ts';
import { createBurstForm, createPlaceForm } from './place.ts';
import { createStore, type Filter } from './store.ts';

const MAX = 10_000;

const store = createStore({ max: MAX });
const figures = createFigures(() => store.list('all'));
const detail = createDetail(store.get);
const grid = byId('orders', HTMLElement);
let filter: Filter = 'all';
let loading: AbortController | undefined;
let loaded = false;

const list = createList({ read: () => store.list(filter), onOpen: detail.open });

const draw = oncePerFrame(() => {
  list.draw();
  const shown = store.list(filter).length;
  const all = store.list('all').length;
  setText(byId('held', HTMLElement), filter === 'all' ? countText(all) : `${countText(shown)} of ${countText(all)}`);
  const empty = byId('empty', HTMLElement);
  empty.hidden = shown > 0;
  setText(empty, loaded ? `No ${filter === 'all' ? '' : `${filter} `}orders.` : 'Reading the orders …');
});

/** Reads the list until it is there; a later call takes the place of this one. */
const load = async (): Promise<void> => {
  loading?.abort();
  const { signal } = loading = new AbortController();
  grid.ariaBusy = 'true';
  for (let failures = 0; ; failures += 1) {
    try {
      await loadList({ fetchPage, store, max: MAX, signal, onPage: draw });
      break;
    } catch (error) {
      if (signal.aborted) return;
      console.warn('the list cannot be read, trying again', error);
      await pause(backoffMs(failures), signal).catch(() => undefined);
    }
  }
  grid.ariaBusy = 'false';
  loaded = true;
  draw();
  figures.drawTimes();
  detail.reload();
};

createFeed({
  open: () => new EventSource('/orders/events'),
  first: 'sync',
  events: {
    sync: (sync) => {
      // Changes may have been missed.
      if (!isResumed(sync)) void load();
    },
    order: (order) => {
      if (!isOrder(order)) return;
      if (store.apply(order)) figures.finished();
      detail.refresh(order);
      draw();
    },
    counts: (counts) => {
      if (isCounts(counts)) figures.setCounts(counts);
    },
  },
  onConnection: (connection) => {
    const shown = byId('connection', HTMLElement);
    shown.dataset['connection'] = connection;
    setText(shown, connectionTexts[connection]);
  },
});

byId('filter', HTMLElement).addEventListener('change', ({ target }) => {
  filter = (target as HTMLInputElement).value as Filter;
  list.reset();
  draw();
});

createPlaceForm((orderId) => store.get(orderId) !== undefined);
createBurstForm();
detail.route();
