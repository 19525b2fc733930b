import type { Choice } from './api.ts';
import { byId, element, setText } from './dom.ts';
import { countText } from './format.ts';
import type { Redrive } from './redrive.ts';
import type { View } from './track.ts';

const SAID_EVERY_MS = 10_000;
const REFUSED_SHOWN = 10;

const moreOf = ({ skipped, refused, error }: Redrive): string[] => [
  ...skipped.map(({ reason, count }) => `${countText(count)} left out: ${reason}`),
  ...(refused.length === 0 ? [] : [`Cannot be put back: ${refused.slice(0, REFUSED_SHOWN).join(', ')}${refused.length > REFUSED_SHOWN ? ' …' : ''}`]),
  ...(error === null ? [] : [error]),
];

/** How far a redrive is. A screen reader is told of its turns, and now and then in between. */
export const createProgress = ({ onStop, onClose, onRest }: {
  onStop: (id: string) => Promise<void>;
  onClose: () => void;
  onRest: (choice: Choice) => void;
}) => {
  const section = byId('redrive', HTMLElement);
  const bar = byId('redrive-progress', HTMLProgressElement);
  const stop = byId('redrive-stop', HTMLButtonElement);
  const rest = byId('redrive-rest', HTMLButtonElement);
  const close = byId('redrive-close', HTMLButtonElement);
  const fault = byId('redrive-fault', HTMLElement);
  let shown: View | undefined;
  let said = { turn: '', at: -Infinity };

  const say = ({ id, redrive, running, text }: View): void => {
    const turn = `${id} ${redrive?.state ?? ''} ${running}`;
    const now = performance.now();
    if (turn === said.turn && now - said.at < SAID_EVERY_MS) return;
    said = { turn, at: now };
    setText(byId('redrive-said', HTMLElement), text);
  };

  stop.addEventListener('click', () => {
    if (shown === undefined) return;
    setText(fault, '');
    onStop(shown.id).catch((error: unknown) => setText(fault, error instanceof Error ? error.message : String(error)));
  });
  close.addEventListener('click', onClose);
  rest.addEventListener('click', () => {
    if (shown?.rest !== undefined) onRest(shown.rest);
  });

  return {
    draw: (view: View | undefined): void => {
      if (view?.id !== shown?.id) setText(fault, '');
      const hadFocus = section.contains(document.activeElement);
      shown = view;
      section.hidden = view === undefined;
      if (view === undefined) return;
      const { redrive, running, text } = view;
      bar.hidden = redrive === undefined;
      bar.max = Math.max(1, redrive?.toPutBack ?? 1);
      bar.value = redrive?.putBack ?? 0;
      setText(byId('redrive-text', HTMLElement), text);
      const more = redrive === undefined ? [] : moreOf(redrive);
      byId('redrive-more', HTMLElement).replaceChildren(...more.map((line) => element('li', {}, line)));
      stop.hidden = !running;
      close.hidden = running;
      rest.hidden = view.rest === undefined;
      // A button that goes must not take the focus along.
      if (hadFocus && !section.contains(document.activeElement)) byId('redrive-heading', HTMLElement).focus();
      say(view);
    },
    focus: (): void => byId('redrive-heading', HTMLElement).focus(),
  };
};
