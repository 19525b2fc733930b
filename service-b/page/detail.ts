import { fetchLetter } from './api.ts';
import { byId, element, setAttribute, setText } from './dom.ts';
import { countText, momentText } from './format.ts';
import { markOf, stateText, typeText, type Detail } from './letter.ts';

const factsOf = (letter: Detail): [name: string, value: string][] => [
  ['Position', letter.position],
  ['Failed', momentText(letter.failedAt)],
  ['From', letter.originalTopic === null ? 'not known' : `${letter.originalTopic} ${letter.originalPartition ?? '?'}:${letter.originalOffset ?? '?'}`],
  ['Retries', countText(letter.retryCount)],
  ['Redrives', countText(letter.redriveCount)],
  ['Original', `${countText(letter.value.bytes)} bytes, ${letter.value.encoding}`],
];

/** Where the board is unless it was said: beside service-b. */
const boardHere = (orderId: string): string => `http://${location.hostname}:3001/#${encodeURIComponent(orderId)}`;

const linksOf = ({ orderId, boardUrl, traceId, traceUrl }: Detail): Node[] => [
  ...(orderId === null ? [] : [element('a', { href: boardUrl ?? boardHere(orderId) }, 'The order on the board')]),
  ...(traceUrl === undefined ? [] : [element('a', { href: traceUrl }, 'Its trace')]),
  ...(traceId === null ? [] : [element('span', { class: 'id' }, `trace ${traceId}`)]),
];

/** One dead letter, in a drawer of its own. */
export const createDetail = ({ onClose, onPutBack }: { onClose: () => void; onPutBack: (position: string) => void }) => {
  const dialog = byId('detail', HTMLDialogElement);
  const put = byId('detail-put', HTMLButtonElement);
  let shown: string | undefined;

  const note = (text: string): void => {
    setText(byId('detail-note', HTMLElement), text);
    byId('detail-body', HTMLElement).hidden = text !== '';
    put.hidden = text !== '';
  };

  const fill = (letter: Detail): void => {
    note('');
    const state = byId('detail-state', HTMLElement);
    setText(state, stateText(letter.state));
    setAttribute(state, 'data-status', markOf(letter.state));
    setText(byId('detail-id', HTMLElement), letter.orderId ?? `No key, ${letter.position}`);
    byId('detail-why', HTMLElement).replaceChildren(element('strong', {}, typeText(letter.errorType)), `: ${letter.errorMessage}`);
    byId('detail-facts', HTMLElement).replaceChildren(...factsOf(letter).map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, value))));
    byId('detail-links', HTMLElement).replaceChildren(...linksOf(letter));
    const { text, pretty, cut } = letter.value;
    setText(byId('detail-value-note', HTMLElement), cut ? 'The original is longer: this is its beginning.' : '');
    setText(byId('detail-pretty', HTMLElement), pretty ?? text);
    setText(byId('detail-raw', HTMLElement), text);
    byId('detail-headers', HTMLElement).replaceChildren(...letter.headers.map(([name, value]) =>
      element('tr', {}, element('td', {}, name), element('td', {}, value ?? '(no value)'))));
    setText(byId('detail-stack', HTMLElement), letter.errorStack ?? 'None.');
  };

  const load = async (position: string): Promise<void> => {
    try {
      const letter = await fetchLetter(position);
      if (shown !== position) return;
      if (letter === undefined) note(`There is no dead letter at ${position}.`);
      else fill(letter);
    } catch (error) {
      if (shown === position && byId('detail-body', HTMLElement).hidden) note(error instanceof Error ? error.message : String(error));
    }
  };

  byId('detail-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  // The backdrop belongs to the dialog; the drawer is at the right edge.
  dialog.addEventListener('click', ({ clientX, target }) => {
    if (target === dialog && clientX < dialog.getBoundingClientRect().left) dialog.close();
  });
  dialog.addEventListener('close', () => {
    if (shown !== undefined) onClose();
    shown = undefined;
  });
  put.addEventListener('click', () => {
    if (shown !== undefined) onPutBack(shown);
  });

  return {
    show: (position: string | undefined): void => {
      if (position === shown) return;
      shown = position;
      if (position === undefined) {
        dialog.close();
        return;
      }
      setText(byId('detail-id', HTMLElement), position);
      note('Reading the dead letter …');
      void load(position);
      if (!dialog.open) dialog.showModal();
    },
    /** Shows what is known by now. */
    reload: (): void => {
      if (shown !== undefined) void load(shown);
    },
  };
};
