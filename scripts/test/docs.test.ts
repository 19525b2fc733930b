import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { anchorsOf, linksOf, namedIn } from '../lib/markdown';

const ROOT = join(__dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  .trim().split('\n').filter((page) => existsSync(join(ROOT, page)));
/** Pages that name a file with what is in it. */
const TOURS = ['docs/one-order.md', 'docs/concepts.md'];

/** @returns why a link leads nowhere; undefined if it leads somewhere */
const brokenIn = (page: string, link: string): string | undefined => {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), path);
  if (!existsSync(file)) return `${link}: no such file`;
  if (anchor === undefined || !file.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(file, 'utf8')).has(anchor) ? undefined : `${link}: no such heading`;
};

const sourceOf = (page: string, file: string): string => read(relative(ROOT, resolve(ROOT, dirname(page), file)));

describe('links of the pages', () => {
  test.each(pages)('When %s links inside the repository, then file and heading are there', (page) => {
    expect(linksOf(read(page)).map((link) => brokenIn(page, link)).filter((why) => why !== undefined)).toEqual([]);
  });

  test('When a link is wrong, then it is told', () => {
    expect(brokenIn('README.md', 'docs/none.md')).toMatch('no such file');
    expect(brokenIn('README.md', '#no-such-heading')).toMatch('no such heading');
  });

  test('When a heading is quoted in a block of code, then it is no heading', () => {
    expect([...anchorsOf('# One, two\n```sh\n# no\n```\n## One two\n## One two')]).toEqual(['one-two', 'one-two-1', 'one-two-2']);
  });
});

describe('what the tours name', () => {
  test.each(TOURS)('When %s names what a file has, then it has it', (page) => {
    const named = namedIn(read(page));
    expect(named.length).toBeGreaterThan(10);
    const missing = named.flatMap(({ file, identifiers, quotes }) => {
      const source = sourceOf(page, file);
      return [
        ...identifiers.filter((name) => !new RegExp(`\\b${name}\\b`).test(source)),
        ...quotes.filter((quote) => !source.includes(quote)),
      ].map((name) => `${file}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  test('When docs/one-order.md follows an order, then it takes ten hops at most, and each chapter ends with an exercise', () => {
    const chapters = read('docs/one-order.md').split(/^## /m).slice(1).filter((chapter) => /^\d/.test(chapter));
    expect(chapters.length).toBeLessThanOrEqual(10);
    const exercise = /\*\*Exercise\.\*\*[\s\S]*<summary>Solution<\/summary>[\s\S]*\.test\.ts\)\s\(\*/;
    expect(chapters.filter((chapter) => !exercise.test(chapter))).toEqual([]);
  });
});

describe('drills that the pages name', () => {
  const known = readdirSync(join(ROOT, 'scripts/drill')).filter((file) => file.endsWith('drills.ts'))
    .flatMap((file) => [...read(`scripts/drill/${file}`).matchAll(/name: '([a-z-]+)', what:/g)].map((match) => match[1]!));

  test('When a page tells to run a drill, then there is one of that name', () => {
    const told = pages.flatMap((page) => [...read(page).matchAll(/npm run drill --((?: --?[\w]+| [a-z][a-z-]+)+)/g)]
      .flatMap((match) => match[1]!.replace(/--(seed|json) \S+/g, '').split(' ').filter((word) => /^[a-z]/.test(word))));
    expect(told.length).toBeGreaterThan(5);
    expect([...new Set(told)].filter((name) => !known.includes(name))).toEqual([]);
  });

  test('When a drill says what it does, then docs/reliability.md says the same', () => {
    const texts = ['drills', 'provider-drills', 'postgres-drills', 'cluster-drills']
      .flatMap((file) => [...read(`scripts/drill/${file}.ts`).matchAll(/name: '[a-z-]+', what: '([^']+)'/g)].map((match) => match[1]!));
    expect(texts.length).toBeGreaterThan(30);
    expect(texts.filter((text) => !read('docs/reliability.md').includes(`| ${text} |`))).toEqual([]);
  });
});
