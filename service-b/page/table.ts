import { byId, element, setAttribute, setText } from './dom.ts';
import { timeText } from './format.ts';
import { markOf, stateText, typeText, type Letter } from './letter.ts';
import type { Selection } from './selection.ts';

type Line = { line: HTMLTableRowElement; letter: Letter | undefined };

const dayOf = (at: number): string => new Date(at).toDateString();
const minute = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
/** Today the time of day is enough. */
const whenText = (at: number): string => dayOf(at) === dayOf(Date.now()) ? timeText(at) : minute.format(at);

const newLine = (position: string): HTMLTableRowElement => element('tr', { 'data-position': position },
  element('td', { class: 'pick' }, element('input', { type: 'checkbox' })),
  element('td', {}, element('span', { class: 'status' })),
  element('td', {}, element('a', { class: 'id', href: `#letter=${position}` })),
  element('td', { class: 'why' }, element('strong'), ' ', element('span')),
  element('td', { class: 'when' }, element('time')),
);

const fill = (line: HTMLTableRowElement, { position, state, orderId, errorType, errorMessage, failedAt }: Letter): void => {
  const [pick, status, order, why, when] = line.cells;
  const name = orderId ?? `no key, ${position}`;
  setAttribute(pick!.firstElementChild!, 'aria-label', `Choose ${name}`);
  setAttribute(status!.firstElementChild!, 'data-status', markOf(state));
  setText(status!.firstElementChild!, stateText(state));
  const link = order!.firstElementChild!;
  // Ids often begin alike: their ends tell them apart.
  setText(link, name.length > 16 ? `…${name.slice(-12)}` : name);
  setAttribute(link, 'aria-label', name);
  setAttribute(link, 'title', name);
  setText(why!.firstElementChild!, typeText(errorType));
  setText(why!.lastElementChild!, errorMessage);
  setAttribute(why!, 'title', `${typeText(errorType)}: ${errorMessage}`);
  setText(when!.firstElementChild!, whenText(Date.parse(failedAt)));
  setAttribute(when!.firstElementChild!, 'datetime', failedAt);
};

/** Where the focus goes from a row, by key. */
const moves: Record<string, (at: number, count: number) => number> = {
  ArrowDown: (at, count) => Math.min(count - 1, at + 1),
  ArrowUp: (at) => Math.max(0, at - 1),
  Home: () => 0,
  End: (_at, count) => count - 1,
};

/** The rows of the list. A letter keeps its row while it is shown, so that focus and view stay where they are when others come. */
export const createTable = ({ selection, onOpen }: { selection: Selection; onOpen: (position: string) => void }) => {
  const body = byId('rows', HTMLTableSectionElement);
  const all = byId('pick-all', HTMLInputElement);
  const lines = new Map<string, Line>();

  const positionOf = (target: EventTarget | null): string | undefined =>
    target instanceof Element ? target.closest('tr')?.dataset['position'] : undefined;

  const drawSelection = (): void => {
    let chosen = 0;
    for (const [position, { line }] of lines) {
      const box = line.cells[0]!.firstElementChild as HTMLInputElement;
      box.checked = selection.has(position);
      if (box.checked) chosen += 1;
    }
    all.checked = chosen > 0 && chosen === lines.size;
    all.indeterminate = chosen > 0 && chosen < lines.size;
  };

  const draw = (letters: readonly Letter[]): void => {
    const wanted = new Set(letters.map(({ position }) => position));
    for (const [position, { line }] of lines) {
      if (wanted.has(position)) continue;
      line.remove();
      lines.delete(position);
    }
    letters.forEach((letter, i) => {
      const drawn = lines.get(letter.position) ?? { line: newLine(letter.position), letter: undefined };
      lines.set(letter.position, drawn);
      fill(drawn.line, letter);
      drawn.letter = letter;
      if (body.children[i] !== drawn.line) body.insertBefore(drawn.line, body.children[i] ?? null);
    });
    drawSelection();
  };

  body.addEventListener('change', ({ target }) => {
    const position = positionOf(target);
    if (position !== undefined) selection.set([position], (target as HTMLInputElement).checked);
  });
  all.addEventListener('change', () => selection.set([...lines.keys()], all.checked));
  body.addEventListener('click', (event) => {
    const position = positionOf(event.target);
    const onLink = event.target instanceof Element && event.target.closest('a') !== null;
    if (position === undefined || event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // The address keeps the filter too, which the link by itself does not name.
    if (onLink) event.preventDefault();
    onOpen(position);
  });
  body.addEventListener('keydown', (event) => {
    const line = event.target instanceof Element ? event.target.closest('tr') : null;
    if (line === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const position = positionOf(line);
    if (event.key === ' ' && event.target instanceof HTMLAnchorElement && position !== undefined) selection.set([position], !selection.has(position));
    else {
      const move = moves[event.key];
      if (move === undefined) return;
      const kind = event.target instanceof HTMLInputElement ? 'input' : 'a';
      body.rows[move(line.sectionRowIndex, body.rows.length)]?.querySelector<HTMLElement>(kind)?.focus();
    }
    event.preventDefault();
  });

  return { draw, drawSelection };
};
