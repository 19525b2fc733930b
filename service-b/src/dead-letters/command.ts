import { parseArgs } from 'node:util';

/**
 * Which dead letters: those for which everything given holds. Times are milliseconds since 1970; `until` itself is too late. The type null
 * is that of what cannot be read.
 */
export type Filter = { type?: string | null; order?: string; since?: number; until?: number };

/** Where a dead letter lies in the dead-letter topic. */
export type Position = { partition: number; offset: bigint };

export type ListCommand = { name: 'list'; filter: Filter; limit: number; json: boolean };
export type ShowCommand = { name: 'show'; position: Position; json: boolean };
export type StatsCommand = { name: 'stats'; filter: Filter; json: boolean };
/** Which dead letters to put back, and how. */
export type RedriveRequest = {
  /** Of those that match the filter, the ones at these; without it all of them. */
  positions: Position[] | undefined;
  filter: Filter;
  dryRun: boolean;
  /** The most to put back in a second. */
  rate: number;
};
export type RedriveCommand = RedriveRequest & { name: 'redrive'; yes: boolean };
export type Command = { name: 'help'; text: string } | ListCommand | ShowCommand | StatsCommand | RedriveCommand;

/** The command line cannot be understood; the message says why, and how it is used. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const usages = {
  list: 'list [filters] [--limit N] [--json]            newest first; 50 unless --limit says otherwise',
  show: 'show PARTITION:OFFSET [--json]                 one in full: envelope, headers, original, stack',
  stats: 'stats [filters] [--json]                       count by error type, oldest and newest',
  redrive: 'redrive PARTITION:OFFSET | filters | --all     puts the originals back on the topic of the orders',
};
type Name = keyof typeof usages;

const filterUsage = `
filters:
  --type TYPE   error type, such as PaymentDeclinedError
  --order ID    of one order (or of any key)
  --since TIME  failed then or later: ISO 8601, or so long ago as 90s, 15m, 2h or 1d
  --until TIME  failed before then`;

const redriveUsage = `
redrive also takes:
  --all         every dead letter
  --dry-run     says what it would do and does nothing
  --rate N      at most N in a second
  --yes         does not ask; else more than one has to be confirmed at a terminal`;

const usageOf = (names: Name[]): string => [
  `usage: ${names.map((name) => `dlt ${usages[name]}`).join('\n       ')}`,
  ...(names.some((name) => name !== 'show') ? [filterUsage] : []),
  ...(names.includes('redrive') ? [redriveUsage] : []),
].join('\n');

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const readTime = (option: string, text: string, now: number): number => {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(/^\d{4}-/.test(text) ? text : '') : now - Number(count) * UNIT_MS[unit]!;
  if (Number.isNaN(time)) throw new Error(`${option} takes a time in ISO 8601, or 90s, 15m, 2h, 1d; not '${text}'`);
  return time;
};

const readCount = (option: string, text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${option} takes a whole number from 1 to 999999, not '${text}'`);
  return Number(text);
};

const readPosition = (positionals: string[]): Position | undefined => {
  const [text, ...more] = positionals;
  if (text === undefined) return undefined;
  const [, partition, offset] = /^(\d{1,9}):(\d{1,18})$/.exec(text) ?? [];
  if (partition === undefined || offset === undefined) throw new Error(`'${text}' is no PARTITION:OFFSET such as 2:41`);
  if (more.length > 0) throw new Error('one PARTITION:OFFSET at a time');
  return { partition: Number(partition), offset: BigInt(offset) };
};

const filterOptions = { type: { type: 'string' }, order: { type: 'string' }, since: { type: 'string' }, until: { type: 'string' } } as const;
const flag = { type: 'boolean', default: false } as const;

type FilterValues = { [Option in keyof typeof filterOptions]?: string | undefined };

const readFilter = ({ type, order, since, until }: FilterValues, now: number): Filter => ({
  ...(type !== undefined && { type }),
  ...(order !== undefined && { order }),
  ...(since !== undefined && { since: readTime('--since', since, now) }),
  ...(until !== undefined && { until: readTime('--until', until, now) }),
});

const readers: Record<Name, (args: string[], now: number) => Command> = {
  list: (args, now) => {
    const { values } = parseArgs({ args, options: { ...filterOptions, limit: { type: 'string', default: '50' }, json: flag } });
    return { name: 'list', filter: readFilter(values, now), limit: readCount('--limit', values.limit), json: values.json };
  },
  show: (args) => {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { json: flag } });
    const position = readPosition(positionals);
    if (position === undefined) throw new Error('which one? Give its PARTITION:OFFSET, as in the list');
    return { name: 'show', position, json: values.json };
  },
  stats: (args, now) => {
    const { values } = parseArgs({ args, options: { ...filterOptions, json: flag } });
    return { name: 'stats', filter: readFilter(values, now), json: values.json };
  },
  redrive: (args, now) => {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: {
      ...filterOptions, 'all': flag, 'dry-run': flag, 'yes': flag, 'rate': { type: 'string' },
    } });
    const position = readPosition(positionals);
    const filter = readFilter(values, now);
    const chosenBy = [position !== undefined, Object.keys(filter).length > 0, values.all].filter(Boolean).length;
    if (chosenBy === 0) throw new Error('which ones? Give a PARTITION:OFFSET, a filter, or --all');
    if (chosenBy > 1) throw new Error('give either a PARTITION:OFFSET, or filters, or --all');
    const rate = values.rate === undefined ? Infinity : readCount('--rate', values.rate);
    const positions = position && [position];
    return { name: 'redrive', positions, filter, dryRun: values['dry-run'], rate, yes: values.yes };
  },
};

/**
 * Reads the command line, without the program's name.
 * @param now milliseconds since 1970, which times such as `15m` count back from
 * @throws UsageError
 */
export const readCommand = ([name, ...args]: string[], now: number): Command => {
  const known = Object.keys(usages) as Name[];
  const command = known.find((one) => one === name);
  const usage = usageOf(command === undefined ? known : [command]);
  if ([name, ...args].some((arg) => arg === '--help' || arg === '-h')) return { name: 'help', text: usage };
  if (command === undefined) throw new UsageError(`${name === undefined ? 'a command is missing' : `'${name}' is no command`}\n${usage}`);
  try {
    return readers[command](args, now);
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`, { cause: error });
  }
};
