import { listOf } from './http.ts';
import { allOf, isRecord, isText } from './kinds.ts';

export type Check = { name: string; ok: boolean; runbook: string | undefined };
export type PartitionLag = { partition: number; lag: number; standing: boolean };

/** How service-b stands: what an operator looks at when the alert rings. */
export type Standing = {
  checks: Check[];
  partitions: PartitionLag[];
  /** Answers of the payment gateway in the last five minutes, by kind. */
  answers: Record<string, number>;
  retries: number;
  callsUnderWay: number;
  concurrency: number;
  timeoutMs: number;
  /** In the last five minutes, and since service-b was started. */
  rebalances: { recent: number; total: number };
  restarts: number;
  /** The page of docs/runbooks that says what to do, by the name of the figure. */
  runbooks: Record<string, string>;
};

const isCheck = (value: unknown): value is { name: string; ok: boolean; runbook?: unknown } =>
  isRecord(value) && allOf('string', value.name) && allOf('boolean', value.ok);
const isPartitionLag = (value: unknown): value is PartitionLag =>
  isRecord(value) && allOf('number', value.partition, value.lag) && allOf('boolean', value.standing);

const numberOf = (value: unknown): number => typeof value === 'number' ? value : 0;
const entriesOf = <T>(value: unknown, isOne: (each: unknown) => each is T): Record<string, T> =>
  Object.fromEntries(Object.entries(isRecord(value) ? value : {}).filter((entry): entry is [string, T] => isOne(entry[1])));
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** The standing that an answer holds; undefined if it is none. */
export const standingOf = (answer: unknown): Standing | undefined => {
  if (!isRecord(answer) || !isRecord(answer.gateway) || !isRecord(answer.rebalances)) return undefined;
  const { gateway, rebalances } = answer;
  return {
    checks: listOf(answer.checks, isCheck).map(({ name, ok, runbook }) => ({ name, ok, runbook: isText(runbook) ? runbook : undefined })),
    partitions: listOf(answer.partitions, isPartitionLag).sort((one, other) => one.partition - other.partition),
    answers: entriesOf(gateway.answersLast5m, isNumber),
    retries: numberOf(gateway.retriesLast5m),
    callsUnderWay: numberOf(gateway.callsUnderWay),
    concurrency: numberOf(gateway.concurrency),
    timeoutMs: numberOf(gateway.timeoutMs),
    rebalances: { recent: numberOf(rebalances.last5m), total: numberOf(rebalances.total) },
    restarts: numberOf(answer.restartsLast5m),
    runbooks: entriesOf(answer.runbooks, isText),
  };
};

/** The name of a check or of a kind of answer in words: `paymentsWritable` is `payments writable`. */
export const wordsOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
