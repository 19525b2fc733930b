import { beginRedrive, dryRun, type Choice } from './api.ts';
import { byId, element, setAttribute, setText } from './dom.ts';
import { countText } from './format.ts';
import type { Plan, Redrive } from './redrive.ts';

const RATE_MAX = 999_999;

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** Asks before anything is put back: what would happen comes first, by a dry run. */
export const createConfirm = ({ onBegun, onRefused }: {
  onBegun: (redrive: Redrive, choice: Choice, plan: Plan) => void;
  /** It could not be begun: another one may be under way. */
  onRefused: () => void;
}) => {
  const dialog = byId('confirm', HTMLDialogElement);
  const go = byId('confirm-go', HTMLButtonElement);
  const rate = byId('rate', HTMLInputElement);
  const note = byId('confirm-note', HTMLElement);
  const fault = byId('confirm-fault', HTMLElement);
  let asked: { choice: Choice; plan: Plan | undefined } | undefined;

  const allow = (allowed: boolean): void => setAttribute(go, 'aria-disabled', allowed ? undefined : 'true');

  const showPlan = ({ chosen, toPutBack, skipped }: Plan): void => {
    const facts: [string, number][] = [
      ['Chosen', chosen], ['Would be put back', toPutBack], ...skipped.map(({ reason, count }): [string, number] => [`Left out: ${reason}`, count]),
    ];
    byId('confirm-plan', HTMLElement).replaceChildren(...facts.map(([name, count]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, countText(count)))));
    setText(note, toPutBack === 0 ? 'There is nothing to put back.' : '');
    setText(go, toPutBack === 0 ? 'Put back' : `Put back ${countText(toPutBack)}`);
    allow(toPutBack > 0);
  };

  const plan = async (choice: Choice): Promise<void> => {
    try {
      const found = await dryRun(choice);
      if (asked?.choice !== choice) return;
      asked.plan = found;
      showPlan(found);
    } catch (error) {
      if (asked?.choice !== choice) return;
      setText(note, '');
      setText(fault, messageOf(error));
    }
  };

  const begin = async (choice: Choice, before: Plan, perSecond: number): Promise<void> => {
    allow(false);
    try {
      const redrive = await beginRedrive(choice, perSecond);
      dialog.close();
      onBegun(redrive, choice, before);
    } catch (error) {
      setText(fault, messageOf(error));
      allow(true);
      onRefused();
    }
  };

  byId('confirm-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    const perSecond = rate.valueAsNumber;
    const valid = Number.isInteger(perSecond) && perSecond >= 1 && perSecond <= RATE_MAX;
    setText(byId('rate-fault', HTMLElement), valid ? '' : `A whole number from 1 to ${countText(RATE_MAX)}`);
    setAttribute(rate, 'aria-invalid', valid ? undefined : 'true');
    if (!valid) rate.focus();
    else if (asked?.plan !== undefined && go.getAttribute('aria-disabled') === null) void begin(asked.choice, asked.plan, perSecond);
  });
  byId('confirm-cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => { asked = undefined; });

  return {
    /** @param what the choice in words */
    ask: (what: string, choice: Choice): void => {
      asked = { choice, plan: undefined };
      setText(byId('confirm-what', HTMLElement), `${what}. Their originals go back on the topic of the orders, as they are.`);
      setText(note, 'Counting: nothing is put back yet …');
      setText(fault, '');
      byId('confirm-plan', HTMLElement).replaceChildren();
      setText(go, 'Put back');
      allow(false);
      void plan(choice);
      dialog.showModal();
    },
  };
};
