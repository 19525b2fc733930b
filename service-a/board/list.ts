import { byId, element, oncePerFrame, setAttribute, setText } from './dom.ts';
import { amountText, durationText, nothing, timeText } from './format.ts';
import { placeOf, type Rank, type Row } from './store.ts';

/** Rows drawn above and below what is seen. */
const MARGIN = 8;

const newLine = (id: number): HTMLElement => {
  const cell = (name = '', ...content: Node[]): HTMLElement => element('span', { role: 'gridcell', class: name }, ...content);
  return element('div', { role: 'row', id: `row-${id}` },
    cell('status'), cell('id', element('span'), element('span')), cell(), cell(), cell(), cell());
};

const fill = (line: HTMLElement, { order, at, took }: Row): void => {
  const [status, id, user, amount, created, duration] = line.children;
  setAttribute(status!, 'data-status', order.status);
  setText(status!, order.status);
  setAttribute(id!, 'aria-label', order.orderId);
  // Ids often begin alike: it is the beginning that is cut where room is short.
  setText(id!.firstElementChild!, order.orderId.slice(0, -12));
  setText(id!.lastElementChild!, order.orderId.slice(-12));
  setText(user!, order.userId);
  setText(amount!, amountText(order));
  setText(created!, timeText(at));
  setText(duration!, order.status === 'pending' ? nothing : durationText(took));
};

/**
 * The list as a grid that draws only the rows in sight. An order keeps its element while it is in sight, and the view stays on the same
 * orders when newer ones arrive: only a list that is scrolled to its start and has no row chosen by the keyboard follows the newest.
 */
export const createList = ({ read, onOpen }: {
  /** The rows as they are now, the newest first. */
  read: () => readonly Row[];
  onOpen: (orderId: string) => void;
}) => {
  const grid = byId('orders', HTMLElement);
  const body = byId('rows', HTMLElement);
  const head = grid.querySelector<HTMLElement>('.head')!;
  const lines = new Map<string, { line: HTMLElement; row: Row | undefined }>();
  const spare: HTMLElement[] = [];
  let made = 0;
  let rows: readonly Row[] = [];
  /** The row that the keyboard is on. */
  let active: Rank | undefined;

  // As high as a row is now: it grows with the text size that the reader has set. Measured when it changes, not in every frame.
  let rowHeight = 1;
  let viewHeight = 0;
  const measure = (): void => {
    rowHeight = head.offsetHeight;
    viewHeight = grid.clientHeight - rowHeight;
  };
  const linesInView = (): number => Math.max(1, Math.floor(viewHeight / rowHeight));
  const hasFocus = (): boolean => document.activeElement === grid;

  /** What should stay where it is when rows come in above it. */
  const anchor = (): Rank | undefined => {
    if (hasFocus() && active !== undefined) return active;
    return grid.scrollTop > 0 ? rows[Math.floor(grid.scrollTop / rowHeight)] : undefined;
  };

  const lineOf = (row: Row): { line: HTMLElement; row: Row | undefined } => {
    const known = lines.get(row.orderId);
    if (known !== undefined) return known;
    const drawn = { line: spare.pop() ?? newLine(made += 1), row: undefined };
    lines.set(row.orderId, drawn);
    return drawn;
  };

  const drawRows = (): void => {
    const first = Math.max(0, Math.floor(grid.scrollTop / rowHeight) - MARGIN);
    const shown = rows.slice(first, first + linesInView() + 2 * MARGIN + 1);
    const wanted = new Set(shown.map(({ orderId }) => orderId));
    for (const [orderId, { line }] of lines) {
      if (wanted.has(orderId)) continue;
      lines.delete(orderId);
      line.remove();
      spare.push(line);
    }
    shown.forEach((row, i) => {
      const drawn = lineOf(row);
      if (drawn.row !== row) fill(drawn.line, row);
      drawn.row = row;
      setAttribute(drawn.line, 'aria-rowindex', String(first + i + 2));
      drawn.line.classList.toggle('active', row.orderId === active?.orderId);
      setAttribute(drawn.line, 'aria-selected', String(row.orderId === active?.orderId));
      if (body.children[i] !== drawn.line) body.insertBefore(drawn.line, body.children[i] ?? null);
    });
    body.style.height = `${rows.length * rowHeight}px`;
    body.style.paddingTop = `${first * rowHeight}px`;
    setAttribute(grid, 'aria-activedescendant', active && lines.get(active.orderId)?.line.id);
  };

  const draw = (): void => {
    const kept = anchor();
    const before = kept && placeOf(rows, kept);
    rows = read();
    setAttribute(grid, 'aria-rowcount', String(rows.length + 1));
    body.style.height = `${rows.length * rowHeight}px`;
    if (kept !== undefined) grid.scrollTop += (placeOf(rows, kept) - before!) * rowHeight;
    drawRows();
  };

  const moveTo = (index: number): void => {
    const to = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (to === undefined) return;
    active = to;
    const top = placeOf(rows, to) * rowHeight;
    grid.scrollTop = Math.min(top, Math.max(top + rowHeight - viewHeight, grid.scrollTop));
    drawRows();
  };

  const moves: Record<string, (from: number) => number> = {
    ArrowDown: (from) => from + 1,
    ArrowUp: (from) => from - 1,
    PageDown: (from) => from + linesInView(),
    PageUp: (from) => from - linesInView(),
    Home: () => 0,
    End: () => rows.length - 1,
  };

  grid.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const move = moves[event.key];
    if (move !== undefined) moveTo(active === undefined ? 0 : move(placeOf(rows, active)));
    else if ((event.key === 'Enter' || event.key === ' ') && active !== undefined) onOpen(active.orderId);
    else return;
    event.preventDefault();
  });
  grid.addEventListener('focus', () => {
    // With the mouse, the row that is pressed is the one.
    if (active === undefined && grid.matches(':focus-visible')) moveTo(Math.ceil(grid.scrollTop / rowHeight));
  });
  body.addEventListener('click', ({ target }) => {
    const line = target instanceof Element ? target.closest('[role="row"]') : null;
    for (const [orderId, drawn] of lines) {
      if (drawn.line !== line) continue;
      active = drawn.row;
      drawRows();
      onOpen(orderId);
      return;
    }
  });
  const redraw = oncePerFrame(drawRows);
  grid.addEventListener('scroll', redraw, { passive: true });
  new ResizeObserver(() => {
    measure();
    redraw();
  }).observe(grid);
  measure();

  return {
    draw,
    /** Begins at the newest, with no row chosen: another filter, another list. */
    reset: (): void => {
      active = undefined;
      grid.scrollTop = 0;
      draw();
    },
  };
};
