import { isoOfLocal, localOfIso, type Filter } from './address.ts';
import { byId, element } from './dom.ts';
import { countText } from './format.ts';
import { typeText, type TypeCount } from './letter.ts';

/** The fields that say which letters are asked for. */
export const createFilters = (onChange: (filter: { [name in keyof Filter]: string | undefined }) => void) => {
  const form = byId('filters', HTMLFormElement);
  const type = byId('type', HTMLSelectElement);
  const order = byId('order', HTMLInputElement);
  const since = byId('since', HTMLInputElement);
  const until = byId('until', HTMLInputElement);
  let types: readonly TypeCount[] = [];
  let filter: Filter = {};

  const drawTypes = (): void => {
    const names = types.map(({ errorType, count }): [string, string] => [typeText(errorType), `${typeText(errorType)} (${countText(count)})`]);
    if (filter.type !== undefined && !names.some(([name]) => name === filter.type)) names.push([filter.type, filter.type]);
    const wanted = [['', 'All'], ...names] as const;
    // Whoever has the list open chooses from what is there.
    if (document.activeElement === type && type.options.length === wanted.length) return;
    type.replaceChildren(...wanted.map(([value, text]) => element('option', { value }, text)));
    type.value = filter.type ?? '';
  };

  const tell = (): void => onChange({
    type: type.value || undefined, order: order.value.trim() || undefined, since: isoOfLocal(since.value), until: isoOfLocal(until.value),
  });
  form.addEventListener('change', tell);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    tell();
  });
  form.addEventListener('reset', () => onChange({ type: undefined, order: undefined, since: undefined, until: undefined }));

  return {
    show: (next: Filter): void => {
      filter = next;
      drawTypes();
      type.value = filter.type ?? '';
      // What says the same already is left alone: somebody may be writing there.
      if (order.value.trim() !== (filter.order ?? '')) order.value = filter.order ?? '';
      if (isoOfLocal(since.value) !== filter.since) since.value = localOfIso(filter.since);
      if (isoOfLocal(until.value) !== filter.until) until.value = localOfIso(filter.until);
    },
    /** The types that there are. */
    setTypes: (next: readonly TypeCount[]): void => {
      types = next;
      drawTypes();
    },
  };
};
