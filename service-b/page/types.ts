import { byId, element, setText } from './dom.ts';
import { countText } from './format.ts';
import { typeText, type TypeCount } from './letter.ts';

const SUMMARY_MS = 10_000;

const sumOf = (types: readonly TypeCount[]): TypeCount => types.reduce(
  (sum, { count, putBack, paid }) => ({ errorType: 'All', count: sum.count + count, putBack: sum.putBack + putBack, paid: sum.paid + paid }),
  { errorType: 'All', count: 0, putBack: 0, paid: 0 },
);

const lineOf = ({ errorType, count, putBack, paid }: TypeCount, name = ''): HTMLElement => element('tr', { class: name },
  element('th', { scope: 'row' }, typeText(errorType)), ...[count, putBack, paid].map((figure) => element('td', {}, countText(figure))));

/** Counts by type; for screen readers a sentence now and then. */
export const createTypes = () => {
  let sum: TypeCount | undefined;
  setInterval(() => {
    if (sum === undefined) return;
    setText(byId('summary', HTMLElement), `${countText(sum.count)} dead letters, ${countText(sum.putBack)} put back, ${countText(sum.paid)} paid.`);
  }, SUMMARY_MS);

  return {
    draw: (types: readonly TypeCount[]): void => {
      sum = sumOf(types);
      byId('types', HTMLElement).replaceChildren(...types.map((type) => lineOf(type)), lineOf(sum, 'sum'));
    },
  };
};
