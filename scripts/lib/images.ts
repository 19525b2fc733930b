import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(__dirname, '../..');

const filesNamed = (pattern: RegExp): string[] =>
  execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n').filter((path) => pattern.test(path));

export const dockerfiles = (): string[] => filesNamed(/(^|\/)Dockerfile$/);

const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

/** A variable of Compose counts as its default. */
const withDefaults = (text: string): string => text.replace(/\$\{\w+:?-([^}]*)\}/g, '$1');

const matches = (files: string[], pattern: RegExp): [file: string, image: string][] =>
  files.flatMap((file) => [...read(file).matchAll(pattern)].map(({ 1: image }): [string, string] => [file, withDefaults(image!)]));

/** Every image that is pulled, with the file that names it; a build argument counts as what it is by default. */
export const imagesByFile = (): [file: string, image: string][] => {
  const stages = new Set(matches(dockerfiles(), /^FROM .* AS (\S+)$/gm).map(([, stage]) => stage));
  return [
    ...matches(filesNamed(/^docker-compose[^/]*\.yml$/), /(?:^\s+image:\s*|_IMAGE: ")(\S+?)"?(?:\s|$)/gm),
    ...matches(dockerfiles(), /^(?:ARG \w*IMAGE=|FROM )(\S+)/gm).filter(([, image]) => !image.startsWith('$') && !stages.has(image)),
  ];
};
