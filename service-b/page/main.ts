import { addressText, changed, filterOf, filterText, readAddress, sameFilter, type Address } from './address.ts';
import { dryRun, fetchLetters, fetchRedrive, fetchRunning, stopRedrive, type Choice } from './api.ts';
import { createConfirm } from './confirm.ts';
import { createDetail } from './detail.ts';
import { byId, oncePerFrame, setAttribute, setText } from './dom.ts';
import { connectionTexts, createFeed } from './feed.ts';
import { createFilters } from './filters.ts';
import { countText, timeText } from './format.ts';
import { createListing, MAX, type Shown } from './listing.ts';
import { createMemory } from './memory.ts';
import { createPanel } from './panel.ts';
import { createProgress } from './progress.ts';
import { redriveOf } from './redrive.ts';
import { createSelection } from './selection.ts';
import { createTable } from './table.ts';
import { createTrack } from './track.ts';
import { createTypes } from './types.ts';

const putChosen = byId('put-chosen', HTMLButtonElement);
const putAll = byId('put-all', HTMLButtonElement);
let address: Address | undefined;
let shown: Shown | undefined;
let live = true;

/** Goes to another address and shows what it names. */
const go = (change: Parameters<typeof changed>[1], how: 'pushState' | 'replaceState' = 'pushState'): void => {
  history[how](null, '', addressText(changed(address ?? {}, change)) || location.pathname);
  route();
};

const selection = createSelection(() => {
  table.drawSelection();
  drawButtons();
});
const table = createTable({ selection, onOpen: (letter) => go({ letter }) });
const types = createTypes();
const panel = createPanel();
const filters = createFilters(go);

const confirm = createConfirm({
  onBegun: (redrive, choice, plan) => {
    selection.clear();
    track.begun(redrive, choice, plan);
    progress.focus();
  },
  onRefused: () => track.again(),
});
const ask = (what: string, choice: Choice): void => confirm.ask(what, choice);

const detail = createDetail({
  onClose: () => go({ letter: undefined }),
  onPutBack: (position) => ask(`The dead letter at ${position}`, { positions: [position] }),
});
const progress = createProgress({
  onStop: stopRedrive,
  onClose: () => go({ redrive: undefined }),
  onRest: (choice) => ask('What was not put back', choice),
});
const track = createTrack({
  fetchRedrive, fetchRunning, dryRun, memory: createMemory(sessionStorage), onView: progress.draw,
  onAdopt: (redrive) => go({ redrive }, 'replaceState'),
});

const noteOf = ({ fault, left, cut }: Shown): string => {
  if (fault !== undefined) return fault;
  if (left > 0) return `${countText(left)} records are yet to be read: what is shown is not all.`;
  return cut ? 'There are older ones, which are neither shown nor counted here: `npm run dlt -- list` lists them.' : '';
};

const drawButtons = (): void => {
  const chosen = selection.positions().length;
  const total = shown?.total ?? 0;
  setText(putChosen, chosen === 0 ? 'Put back the chosen' : `Put back the chosen (${countText(chosen)})`);
  setAttribute(putChosen, 'aria-disabled', chosen === 0 ? 'true' : undefined);
  setText(putAll, total === 0 ? 'Put back all of these' : `Put back all of these (${countText(total)})`);
  setAttribute(putAll, 'aria-disabled', total === 0 ? 'true' : undefined);
};

const drawStale = (): void => {
  const stale = !live && shown !== undefined;
  setText(byId('stale', HTMLElement), stale ? `service-b does not answer. This is as of ${timeText(Date.parse(shown!.asOf)).replace(/\.\d+$/, '')}.` : '');
};

const draw = oncePerFrame(() => {
  if (shown === undefined) return;
  const { letters, total, more } = shown;
  table.draw(letters);
  types.draw(shown.types);
  filters.setTypes(shown.types);
  setText(byId('held', HTMLElement), letters.length < total ? `${countText(letters.length)} of ${countText(total)}` : countText(total));
  setText(byId('note', HTMLElement), noteOf(shown));
  const empty = byId('empty', HTMLElement);
  empty.hidden = letters.length > 0;
  setText(empty, shown.left > 0 ? 'Reading the dead letters …' : sameFilter(shown.filter, {}) ? 'No dead letters.' : 'No dead letters like that.');
  byId('more-place', HTMLElement).hidden = !more || letters.length >= MAX;
  byId('letters', HTMLElement).ariaBusy = 'false';
  drawButtons();
  drawStale();
});

const listing = createListing({
  fetchLetters,
  onShown: (next) => {
    shown = next;
    draw();
    detail.reload();
  },
});

const route = (): void => {
  const next = readAddress(location.hash);
  const before = address;
  address = next;
  if (before === undefined || !sameFilter(before, next)) {
    if (before !== undefined) selection.clear();
    filters.show(filterOf(next));
    listing.filter(filterOf(next));
  }
  detail.show(next.letter);
  track.show(next.redrive);
};

putChosen.addEventListener('click', () => {
  const positions = selection.positions();
  if (positions.length > 0) ask(positions.length === 1 ? 'The dead letter that was chosen' : `The ${countText(positions.length)} dead letters that were chosen`, { positions });
});
putAll.addEventListener('click', () => {
  const filter = filterOf(address ?? {});
  if (putAll.getAttribute('aria-disabled') === null) ask(filterText(filter), { filter });
});
byId('more', HTMLButtonElement).addEventListener('click', listing.more);
addEventListener('popstate', route);
addEventListener('hashchange', route);

route();
createFeed({
  open: () => new EventSource('/dead-letters/events'),
  first: 'open',
  events: {
    open: () => {
      listing.again();
      panel.again();
    },
    change: listing.changed,
    redrive: (data) => {
      const redrive = redriveOf(data);
      if (redrive !== undefined) track.told(redrive);
    },
  },
  onConnection: (connection) => {
    const place = byId('connection', HTMLElement);
    place.dataset['connection'] = connection;
    setText(place, connectionTexts[connection]);
    live = connection !== 'reconnecting';
    track.connected(live);
    drawStale();
  },
});
