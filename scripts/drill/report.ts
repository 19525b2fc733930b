import type { ClusterResult } from './cluster-stage';
import type { Result } from './run';

type Cell = string | number;
/** The title of a column and what it shows of a result. */
type Columns<R> = Record<string, (result: R) => Cell>;

const SHOWN = 10;

const ms = (value: number): string => `${(value / 1_000).toFixed(1)} s`;
const verdict = ({ violations }: Result): Cell => (violations.length === 0 ? 'ok' : 'FAILED');

const columns: Columns<Result> = {
  'drill': ({ drill }) => drill,
  'orders': ({ orders }) => orders,
  'faults': ({ faults }) => faults,
  'duplicates': ({ duplicates }) => duplicates,
  'refused': ({ refused }) => refused,
  'longest outage': ({ longestOutageMs }) => ms(longestOutageMs),
  'settled in': ({ settleSeconds }) => `${settleSeconds.toFixed(1)} s`,
  'result': verdict,
};

const clusterColumns: Columns<ClusterResult> = {
  'drill': ({ drill }) => drill,
  'orders': ({ orders }) => orders,
  'faults': ({ faults }) => faults,
  'false 202': ({ falseAccepts }) => falseAccepts,
  'lost': ({ lost }) => lost,
  'early commits': ({ committedEarly }) => committedEarly,
  'two ids': ({ paidTwice }) => paidTwice,
  'duplicates': ({ duplicates }) => duplicates,
  'refused': ({ refused }) => refused,
  'outage: whole': ({ longestOutageMs }) => ms(longestOutageMs),
  'hit': ({ hitOutageMs }) => ms(hitOutageMs),
  'others': ({ otherOutageMs }) => ms(otherOutageMs),
  'outcomes': ({ outcomeGapMs }) => ms(outcomeGapMs),
  'settled in': ({ settleSeconds }) => `${settleSeconds.toFixed(1)} s`,
  'result': verdict,
};

const print = <R>(shown: Columns<R>, results: R[]): void => {
  const rows = [Object.keys(shown), ...results.map((result) => Object.values(shown).map((cell) => String(cell(result))))];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  console.log();
  for (const cells of rows) console.log(cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd());
};

export const printTable = (results: Result[]): void => print(columns, results);
export const printClusterTable = (results: ClusterResult[]): void => print(clusterColumns, results);

/** Says what a drill broke; a loss of hundreds is told by the first of them. */
export const printViolations = ({ violations }: Result): void => {
  for (const violation of violations.slice(0, SHOWN)) console.log(`  broken: ${violation}`);
  if (violations.length > SHOWN) console.log(`  broken: ${violations.length - SHOWN} more, in the report`);
};
