import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { settingLines } from './settings';

/** What a principal may do with what a name, or its beginning with a `*`, stands for. */
export type Grant = { principal: string; operation: string; type: string; name: string };

/** Reads lines of `principal operation,… type name…` with `#` comments, as `kafka/access.sh` does. */
export const parseGrants = (text: string): Grant[] => settingLines(text).flatMap((line) => {
  const [principal = '', operations = '', type = '', ...names] = line.split(/\s+/);
  return operations.split(',').flatMap((operation) => names.map((name) => ({ principal, operation, type, name })));
});

/** What `kafka/acls.conf` lists. */
export const listedGrants = (): Grant[] => parseGrants(readFileSync(resolve(__dirname, '../../kafka/acls.conf'), 'utf8'));

/** The same rights on other topics and groups; what is named after one of them, `group.more`, goes with it. */
export const renameGrants = (grants: Grant[], names: Record<string, string>): Grant[] => {
  const rename = (name: string): string => {
    const from = name in names ? name : Object.keys(names).find((key) => name.startsWith(`${key}.`));
    return from === undefined ? name : `${names[from]}${name.slice(from.length)}`;
  };
  return grants.map((grant) => ({ ...grant, name: rename(grant.name) }));
};

export const formatGrants = (grants: Grant[]): string =>
  grants.map(({ principal, operation, type, name }) => `${principal} ${operation} ${type} ${name}\n`).join('');
