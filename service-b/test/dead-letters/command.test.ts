import { readCommand, UsageError } from '../../src/dead-letters/command';

const now = Date.parse('2026-11-22T10:00:00.000Z');
const read = (line: string) => readCommand(line.split(' ').filter((word) => word !== ''), now);

const faultOf = (line: string): string => {
  try {
    read(line);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('the command line is understood');
};

describe('what is asked for', () => {
  test('When nothing but the command is given, then the defaults hold', () => {
    expect(read('list')).toEqual({ name: 'list', filter: {}, limit: 50, json: false });
    expect(read('stats')).toEqual({ name: 'stats', filter: {}, json: false });
    expect(read('redrive --all')).toEqual({ name: 'redrive', positions: undefined, filter: {}, dryRun: false, rate: Infinity, yes: false });
  });

  test('When everything is given, then everything is read', () => {
    expect(read('list --type T --order o-1 --since 2026-11-22 --until 2026-11-22T09:00:00+01:00 --limit 7 --json')).toEqual({
      name: 'list', limit: 7, json: true,
      filter: { type: 'T', order: 'o-1', since: Date.parse('2026-11-22T00:00:00Z'), until: Date.parse('2026-11-22T08:00:00Z') },
    });
    expect(read('redrive --type T --dry-run --rate 20 --yes')).toEqual({
      name: 'redrive', positions: undefined, filter: { type: 'T' }, dryRun: true, rate: 20, yes: true,
    });
  });

  test.each([['90s', 90], ['15m', 900], ['2h', 7_200], ['1d', 86_400]])('When the time is %s, then it counts back from now', (text, seconds) => {
    expect(read(`list --since ${text}`)).toMatchObject({ filter: { since: now - seconds * 1_000 } });
  });

  test('When a position is given, then it is read to the last digit', () => {
    expect(read('show 2:9007199254740993')).toEqual({ name: 'show', position: { partition: 2, offset: 9_007_199_254_740_993n }, json: false });
    expect(read('redrive 0:1')).toMatchObject({ positions: [{ partition: 0, offset: 1n }], filter: {} });
  });

  test.each(['--help', '-h', 'list --help', 'redrive --all -h'])('When %s is given, then it is for the usage', (line) => {
    expect(read(line)).toMatchObject({ name: 'help', text: expect.stringMatching(/^usage: dlt /) as string });
  });
});

describe('what is not understood', () => {
  test.each([
    ['', 'a command is missing'],
    ['lost', "'lost' is no command"],
    ['toString', "'toString' is no command"],
    ['list --limit 0', '--limit takes a whole number'],
    ['list --limit many', '--limit takes a whole number'],
    ['list --since yesterday', '--since takes a time'],
    ['list --until 5w', '--until takes a time'],
    ['list --since 12', '--since takes a time'],
    ['list --rate 1', '--rate'],
    ['list 2:41', '2:41'],
    ['stats --limit 1', '--limit'],
    ['show', 'which one?'],
    ['show 2', "'2' is no PARTITION:OFFSET"],
    ['show 2:-1', "'2:-1' is no PARTITION:OFFSET"],
    ['show 2:41 2:42', 'one PARTITION:OFFSET at a time'],
    ['redrive', 'which ones?'],
    ['redrive --yes --dry-run', 'which ones?'],
    ['redrive --all --type T', 'either'],
    ['redrive 2:41 --all', 'either'],
    ['redrive 2:41 --since 1d', 'either'],
    ['redrive --all --rate 0', '--rate takes a whole number'],
    ['redrive --all --rate 0.5', '--rate takes a whole number'],
    ['redrive --all --limit 5', '--limit'],
    ['redrive --type', '--type'],
  ])('When the line is %p, then the fault says: %s', (line, says) => {
    expect(faultOf(line)).toContain(says);
  });

  test('When the command is known, then the usage is that of the command', () => {
    expect(faultOf('show')).toContain('usage: dlt show PARTITION:OFFSET');
    expect(faultOf('show')).not.toContain('redrive');
  });

  test('When the command is not known, then the usage is that of all', () => {
    expect(['list', 'show', 'stats', 'redrive'].filter((name) => !faultOf('lost').includes(`dlt ${name} `))).toEqual([]);
  });
});
