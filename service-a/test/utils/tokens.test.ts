import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokens, parseTokens } from '../../src/utils/tokens';
import { eventually, recordingLogger } from '../support/fakes';

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const aFile = (text: string) => {
  const file = join(folder, String(files += 1));
  writeFileSync(file, text);
  const { logger, lines } = recordingLogger();
  const find = createTokens({ file, logger, rereadMs: 5 });
  return { find, lines, file, replace: (now: string) => writeFileSync(file, now) };
};

/** Resolves when another file, which is looked at as often, was seen to change some times. */
const severalLooks = async (): Promise<void> => {
  const { find, replace } = aFile(`shop write ${sha256('0')}`);
  for (const token of ['1', '2', '3']) {
    replace(`shop write ${sha256(token)}`);
    await eventually(() => find(token) !== undefined);
  }
};

describe('a tokens file', () => {
  test('When it has tokens, comments and empty lines, then each token is known with its scope, and nothing else is', () => {
    const { find } = aFile(`# for the shop\nshop write ${sha256('s3cret')}\n\n  board\tread  ${sha256('other').toUpperCase()}\r\n`);
    expect(find('s3cret')).toMatchObject({ name: 'shop', scope: 'write' });
    expect(find('other')).toMatchObject({ name: 'board', scope: 'read' });
    expect(['', 'S3cret', 's3cret ', sha256('s3cret')].map(find)).toEqual([undefined, undefined, undefined, undefined]);
  });

  test.each([
    ['a line has no scope', `shop ${sha256('a')}`, 'line 1 is not'],
    ['a scope is not known', `\nshop admin ${sha256('a')}`, 'line 2 is not'],
    ['a token stands where its hash should', 'shop write s3cret', 'line 1 is not'],
    ['a name is not one', `sh:op write ${sha256('a')}`, 'line 1 is not'],
    ['a line has more', `shop write ${sha256('a')} today`, 'line 1 is not'],
    ['two have one name', `shop write ${sha256('a')}\nshop read ${sha256('b')}`, 'line 2 has the name or the hash of another one'],
    ['two have one hash', `shop write ${sha256('a')}\nboard read ${sha256('a')}`, 'line 2 has the name or the hash of another one'],
    ['it has none', '# none yet\n', 'no token is in it'],
  ])('When %s, then it is refused by the line, which is not shown', (_what, text, sentence) => {
    expect(() => parseTokens(text)).toThrow(sentence);
    expect(() => parseTokens(text)).not.toThrow(/s3cret|[0-9a-f]{64}/);
  });

  test('When it is not there at the start, then that is said with its name', () => {
    expect(() => createTokens({ file: join(folder, 'nowhere'), logger: recordingLogger().logger })).toThrow(/^API_TOKENS_FILE: the tokens cannot be read from .*nowhere: ENOENT/);
  });
});

describe('a tokens file that changes', () => {
  test('When a token is exchanged, then the new one is known and the old one no longer, without a restart', async () => {
    const { find, lines, file } = aFile(`shop write ${sha256('old')}`);
    writeFileSync(`${file}.new`, `shop write ${sha256('new')}`);
    renameSync(`${file}.new`, file);
    await eventually(() => find('new') !== undefined);
    expect(find('old')).toBeUndefined();
    expect(lines).toMatchObject([{ level: 'info', message: 'tokens read anew', tokens: 1 }]);
  });

  test('When it is broken or gone, then the tokens of before stay and it is said once; when it is mended, then it counts', async () => {
    const { find, lines, file, replace } = aFile(`shop write ${sha256('old')}`);
    replace('shop write s3cret');
    await eventually(() => lines.length > 0);
    await severalLooks();
    expect(find('old')).toBeDefined();
    rmSync(file);
    await eventually(() => lines.length > 1);
    expect(find('old')).toBeDefined();
    replace(`shop write ${sha256('new')}`);
    await eventually(() => find('new') !== undefined);
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'tokens cannot be read, those of before stay'], ['error', 'tokens cannot be read, those of before stay'],
      ['info', 'tokens read anew'],
    ]);
    expect(JSON.stringify(lines.map(({ error }) => (error as Error | undefined)?.message))).not.toContain('s3cret');
  });
});

describe('tokens.sh', () => {
  const file = join(folder, 'made');
  const run = (...args: string[]): { status: number | null; stdout: string } =>
    spawnSync('bash', [join(__dirname, '../../tokens.sh'), args[0]!, file, ...args.slice(1)], { encoding: 'utf8' });

  test('When it makes tokens and takes one away, then those that are left are known, and the file has no token itself', () => {
    const [shop, guest] = [run('add', 'shop', 'write'), run('add', 'guest', 'read')].map(({ stdout }) => stdout.trim()) as [string, string];
    expect([shop, guest].filter((token) => !/^[0-9a-f]{64}$/.test(token) || readFileSync(file, 'utf8').includes(token))).toEqual([]);
    expect(run('list').stdout).toBe('shop write\nguest read\n');
    expect(run('remove', 'shop').status).toBe(0);
    const find = createTokens({ file, logger: recordingLogger().logger });
    expect([find(shop), find(guest)]).toMatchObject([undefined, { name: 'guest', scope: 'read' }]);
  });

  test.each(['add guest write', 'add -x read', 'add other admin', 'add other', 'remove nobody', 'show guest'])(
    'When it is asked to "%s", then it refuses and the file stays', (asked) => {
      const before = readFileSync(file, 'utf8');
      const { status, stdout } = run(...asked.split(' '));
      expect([status, stdout, readFileSync(file, 'utf8')]).toEqual([2, '', before]);
    });
});
