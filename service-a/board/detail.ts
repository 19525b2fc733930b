import { fetchOrder } from './api.ts';
import { byId, element, setAttribute, setText } from './dom.ts';
import { amountText, durationText, momentText } from './format.ts';
import { historyOf, type Step } from './history.ts';
import type { Row } from './store.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What is shown of an order; `took` and `past` are known of those in the list. */
type Shown = Pick<Row, 'order' | 'past' | 'took'>;

const textOf = (step: Step, took: number | undefined): string => {
  switch (step.kind) {
    case 'created': return 'Created';
    case 'waiting': return 'Waiting for its payment';
    case 'completed': return `Completed${took === undefined ? '' : ` after ${durationText(took)}`}`;
    case 'redriven': return step.times === 1 ? `Redriven: attempt ${step.attempt}` : `Redriven ${step.times} times, up to attempt ${step.attempt}`;
    case 'failed': return 'Failed';
  }
};

const moreOf = (step: Step): string => {
  if (step.kind === 'completed') return `Payment ${step.paymentId ?? 'unknown'}`;
  if (step.kind !== 'failed') return '';
  const { type, message, retryCount } = step.failure;
  return `${message} (${type}, ${retryCount === 1 ? '1 retry' : `${retryCount} retries`})`;
};

const itemOf = (step: Step, took: number | undefined): HTMLElement => {
  const more = moreOf(step);
  return element('li', { 'data-kind': step.kind },
    ...('at' in step ? [element('time', { datetime: step.at }, momentText(step.at))] : []),
    element('strong', {}, textOf(step, took)),
    ...(more === '' ? [] : [element('br'), more]),
  );
};

/**
 * One order, in a drawer of its own; its address is `#<orderId>`. It follows the order while it is open.
 * @param get what is held of an order
 */
export const createDetail = (get: (orderId: string) => Row | undefined) => {
  const dialog = byId('detail', HTMLDialogElement);
  const status = byId('detail-status', HTMLElement);
  const link = byId('detail-link', HTMLAnchorElement);
  let shownId: string | undefined;

  const note = (text: string): void => {
    setText(byId('detail-note', HTMLElement), text);
    byId('detail-body', HTMLElement).hidden = text !== '';
  };

  const fill = ({ order, past, took }: Shown): void => {
    note('');
    setText(status, order.status);
    setAttribute(status, 'data-status', order.status);
    setText(byId('detail-user', HTMLElement), order.userId);
    setText(byId('detail-amount', HTMLElement), amountText(order));
    setText(byId('detail-attempts', HTMLElement), String(order.attempts));
    byId('detail-history', HTMLElement).replaceChildren(...historyOf({ order, past }).map((step) => itemOf(step, took)));
    setText(byId('detail-json', HTMLElement), JSON.stringify(order, null, 2));
  };

  const load = async (orderId: string): Promise<void> => {
    const held = get(orderId);
    if (held !== undefined) {
      fill(held);
      return;
    }
    note('Reading the order …');
    try {
      const order = await fetchOrder(orderId);
      if (shownId !== orderId || get(orderId) !== undefined) return;
      if (order === undefined) note('There is no order with this id.');
      else fill({ order, past: [], took: undefined });
    } catch (error) {
      if (shownId === orderId) note(error instanceof Error ? error.message : String(error));
    }
  };

  const route = (): void => {
    const orderId = location.hash.slice(1).toLowerCase();
    if (!UUID.test(orderId)) {
      shownId = undefined;
      dialog.close();
      return;
    }
    shownId = orderId;
    setText(byId('detail-id', HTMLElement), orderId);
    link.href = `/orders/${orderId}`;
    void load(orderId);
    if (!dialog.open) dialog.showModal();
  };

  byId('detail-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  // The backdrop belongs to the dialog; the drawer is at the right edge.
  dialog.addEventListener('click', ({ clientX }) => {
    if (clientX < dialog.getBoundingClientRect().left) dialog.close();
  });
  dialog.addEventListener('close', () => {
    if (shownId !== undefined) history.replaceState(null, '', location.pathname);
    shownId = undefined;
  });
  addEventListener('hashchange', route);

  return {
    /** Shows what the address names. */
    route,
    open: (orderId: string): void => { location.hash = orderId; },
    /** Takes news of any order, held in the list or not. */
    refresh: (order: Row['order']): void => {
      if (order.orderId === shownId) fill(get(shownId) ?? { order, past: [], took: undefined });
    },
    /** Shows what is known by now, after the list was read anew. */
    reload: (): void => {
      if (shownId !== undefined) void load(shownId);
    },
  };
};
