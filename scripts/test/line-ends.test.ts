import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const git = (cwd: string, ...args: string[]): string => execFileSync('git', args, { cwd, encoding: 'utf8' });

describe('12.23 line ends', () => {
  let clone: string;

  beforeAll(() => {
    clone = mkdtempSync(join(tmpdir(), 'clone-'));
    git(clone, 'clone', '--quiet', '--depth', '1', '--config', 'core.autocrlf=true', '--config', 'core.eol=crlf', `file://${ROOT}`, '.');
  });
  afterAll(() => rmSync(clone, { recursive: true }));

  test('When the repository is cloned where git makes CRLF of line ends, then no text file holds one', () => {
    const files = git(clone, 'ls-files').trim().split('\n');
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => !file.endsWith('.png') && readFileSync(join(clone, file)).includes('\r'))).toEqual([]);
  });

  test('When an image is cloned there, then it is as it was', () => {
    expect(readFileSync(join(clone, 'docs/board.png')).equals(readFileSync(join(ROOT, 'docs/board.png')))).toBe(true);
  });
});
