import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, faultOf, NEEDS, pagesOf, scriptFor } from '../lib/commands';

const ROOT = join(__dirname, '../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const pages = pagesOf(ROOT);
const blocks = pages.flatMap((page) => blocksOf(page, read(page)));
const aPage = (...above: string[]) => blocksOf('a.md', [...above, '```bash', 'echo one \\', '  more', 'echo two', '```'].join('\n'));

/** What bash says to the commands that are run of a page. */
const run = (...lines: string[]) => {
  const [block] = blocksOf('a.md', ['<!-- run: base -->', '<!-- Ctrl+C: `sleep` it is long -->', '```bash', ...lines, '```'].join('\n'));
  return spawnSync('bash', ['-c', scriptFor([block!], 'base')!], { encoding: 'utf8' });
};

describe('commands of the pages', () => {
  test('When a page has a block of commands, then above it stands what CI runs it against, or why it does not', () => {
    expect(blocks.length).toBeGreaterThan(80);
    expect(blocks.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
  });

  test('When a block needs something, then a step of CI offers it', () => {
    const steps = readdirSync(join(ROOT, '.ci')).map((file) => read(`.ci/${file}`)).join('\n');
    const offered = [...steps.matchAll(/scripts\/commands\.ts ([a-z-]+)/g)].map((match) => match[1]!);
    expect([...new Set(offered)].sort()).toEqual([...NEEDS].sort());
    expect(NEEDS.filter((need) => scriptFor(blocks, need) === undefined)).toEqual([]);
  });

  test('When a page names a script of npm, then there is one', () => {
    const scripts = ['', 'service-a/', 'service-b/']
      .flatMap((where) => Object.keys((JSON.parse(read(`${where}package.json`)) as { scripts: object }).scripts));
    const named = pages.flatMap((page) => [...read(page).matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)].map((match) => match[1]!));
    expect(named.length).toBeGreaterThan(30);
    expect([...new Set(named)].filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test.each([
    ['nothing is said of a block', [], /neither/],
    ['it is run and is not', ['<!-- run: base -->', '<!-- not run: no -->'], /and it is not/],
    ['it needs what nobody offers', ['<!-- run: moon -->'], /nothing offers moon/],
    ['a line that is left out has gone', ['<!-- run: base -->', '<!-- not run: `echo three` gone -->'], /no line begins with echo three/],
  ])('When %s, then the page is at fault', (_, above, fault) => {
    expect(faultOf(aPage(...above)[0]!)).toMatch(fault);
  });

  test.each([
    ['false && echo on', /a line for each command.*false && echo on/],
    ['(cd / && ls)', undefined],
    ['sed "s/ && /;/" a.txt', undefined],
  ])('When %s is to be run, then a failure must turn the page red', (line, fault) => {
    const [block] = blocksOf('a.md', ['<!-- run: base -->', '```bash', line, '```'].join('\n'));
    if (fault === undefined) expect(faultOf(block!)).toBeUndefined();
    else expect(faultOf(block!)).toMatch(fault);
  });

  test('When a line is left out, then what its backslash goes on with is left out too', () => {
    const script = scriptFor(aPage('<!-- run: base -->', '<!-- not run: `echo one` loud -->'), 'base');
    expect(script).toContain('echo two');
    expect(script).not.toMatch(/echo one|more/);
  });

  test('When a command fails, then the page does; finding nothing is no failure', () => {
    expect(run('false | cat', 'echo on').status).toBe(1);
    expect(run('echo a | grep b', 'echo on').stdout).toBe('on\n');
  });

  test('When a command is to be refused, then the page fails if it is not', () => {
    expect(run('! false', 'echo on').stdout).toBe('on\n');
    expect(run('! true', 'echo on')).toMatchObject({ status: 1, stdout: '' });
  });

  test('When a command goes on until Ctrl+C, then it has to have said something', () => {
    expect(run('sleep 0.1; echo said').status).toBe(0);
    expect(run('sleep 0.1').status).toBe(1);
  });
});
