/** Which letters are asked for: those for which everything given holds. Times are ISO 8601; `until` itself is too late. */
export type Filter = { type?: string; order?: string; since?: string; until?: string };
/** What the page shows, so that a reload and a link show the same. */
export type Address = Filter & { letter?: string; redrive?: string };

const isTime = (text: string): boolean => /^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text));
const isAny = (): boolean => true;

const names: Record<keyof Address, (text: string) => boolean> = {
  letter: (text) => /^\d{1,9}:\d{1,18}$/.test(text),
  redrive: (text) => /^[\w-]{1,64}$/.test(text),
  type: isAny,
  order: isAny,
  since: isTime,
  until: isTime,
};
const all = Object.keys(names) as (keyof Address)[];

/** What the part of an address after its `#` names; what makes no sense there is left out. */
export const readAddress = (hash: string): Address => {
  const found = new URLSearchParams(hash.replace(/^#/, ''));
  const address: Address = {};
  for (const name of all) {
    const text = found.get(name);
    if (text !== null && text !== '' && names[name](text)) address[name] = text;
  }
  return address;
};

/** Values that are undefined count as not there. */
type Loose = { [name in keyof Address]?: string | undefined };

export const addressText = (address: Loose): string => {
  const given = all.flatMap((name): [string, string][] => address[name] === undefined ? [] : [[name, address[name]]]);
  return given.length === 0 ? '' : `#${new URLSearchParams(given).toString().replaceAll('%3A', ':')}`;
};

/** The address with some of it changed. */
export const changed = (address: Address, change: Loose): Address => readAddress(addressText({ ...address, ...change }));

export const filterOf = ({ type, order, since, until }: Address): Filter => ({
  ...(type !== undefined && { type }), ...(order !== undefined && { order }),
  ...(since !== undefined && { since }), ...(until !== undefined && { until }),
});

export const sameFilter = (one: Filter, other: Filter): boolean => addressText(filterOf(one)) === addressText(filterOf(other));

/** A filter in words. */
export const filterText = ({ type, order, since, until }: Filter): string => {
  const parts = [type && `of type ${type}`, order && `of order ${order}`, since && `failed since ${since}`, until && `failed before ${until}`];
  const given = parts.filter((part) => part !== undefined && part !== '');
  return given.length === 0 ? 'All dead letters' : `Dead letters ${given.join(', ')}`;
};

/** What a field of date and time holds in the reader's time zone, as ISO 8601 in UTC; undefined if it holds none. */
export const isoOfLocal = (local: string): string | undefined => {
  const at = local === '' ? Number.NaN : Date.parse(local);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
};

/** The other way about, to the minute. */
export const localOfIso = (iso: string | undefined): string => {
  if (iso === undefined) return '';
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
