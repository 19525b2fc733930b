/** The lines of a settings file that say something: no empty lines, no `#` comments. */
export const settingLines = (text: string): string[] => text
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '' && !line.startsWith('#'));

/** `name=value` as a pair; the value may hold further equals signs. */
export const splitAtEquals = (line: string): [name: string, value: string] => {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
};
