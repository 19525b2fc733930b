import { allOf, isRecord, isText, isTextOrNull, isTime } from './kinds.ts';

const stateTexts = { open: 'open', putBack: 'put back', paid: 'paid', failedAgain: 'failed again' } as const;
/** What became of a dead letter since. */
export type State = keyof typeof stateTexts;

export type Letter = {
  /** `<partition>:<offset>` in the dead-letter topic. */
  position: string;
  failedAt: string;
  /** The key of the record as text; null if it has none. */
  orderId: string | null;
  /** Null for a record that cannot be read as a dead letter. */
  errorType: string | null;
  errorMessage: string;
  retryCount: number;
  redriveCount: number;
  state: State;
};

export type TypeCount = { errorType: string | null; count: number; putBack: number; paid: number };

export type Detail = Letter & {
  originalTopic: string | null;
  originalPartition: number | null;
  originalOffset: string | null;
  value: { encoding: string; text: string; pretty: string | null; bytes: number; cut: boolean };
  headers: [name: string, value: string | null][];
  errorStack: string | null;
  traceId: string | null;
  boardUrl: string | undefined;
  traceUrl: string | undefined;
};

const isState = (value: unknown): value is State => typeof value === 'string' && Object.hasOwn(stateTexts, value);

export const isLetter = (value: unknown): value is Letter => isRecord(value)
  && allOf('string', value.position, value.errorMessage) && isTime(value.failedAt) && allOf('number', value.retryCount, value.redriveCount)
  && isTextOrNull(value.orderId) && isTextOrNull(value.errorType) && isState(value.state);

export const isTypeCount = (value: unknown): value is TypeCount =>
  isRecord(value) && isTextOrNull(value.errorType) && allOf('number', value.count, value.putBack, value.paid);

const isHeader = (value: unknown): value is Detail['headers'][number] =>
  Array.isArray(value) && value.length === 2 && isText(value[0]) && isTextOrNull(value[1]);

const textOrNull = (value: unknown): string | null => isText(value) ? value : null;
/** Only what leads to another page by HTTP is a link. */
const linkOf = (value: unknown): string | undefined => isText(value) && /^https?:\/\//.test(value) ? value : undefined;

/** The detail that an answer holds; undefined if it is none. */
export const detailOf = (answer: unknown): Detail | undefined => {
  if (!isLetter(answer)) return undefined;
  const more = answer as Letter & Record<string, unknown>;
  const value = isRecord(more.value) ? more.value : {};
  return {
    ...answer,
    originalTopic: textOrNull(more.originalTopic),
    originalPartition: typeof more.originalPartition === 'number' ? more.originalPartition : null,
    originalOffset: typeof more.originalOffset === 'number' ? String(more.originalOffset) : textOrNull(more.originalOffset),
    value: {
      encoding: textOrNull(value.encoding) ?? 'none',
      text: textOrNull(value.text) ?? '',
      pretty: textOrNull(value.pretty),
      bytes: typeof value.bytes === 'number' ? value.bytes : 0,
      cut: value.cut === true,
    },
    headers: Array.isArray(more.headers) ? more.headers.filter(isHeader) : [],
    errorStack: textOrNull(more.errorStack),
    traceId: textOrNull(more.traceId),
    boardUrl: linkOf(more.boardUrl),
    traceUrl: linkOf(more.traceUrl),
  };
};

export const stateText = (state: State): string => stateTexts[state];

/** The mark that the styles have for it: a diamond for what failed, a ring for what is under way, a disc for what is done. */
export const markOf = (state: State): 'failed' | 'pending' | 'completed' =>
  state === 'paid' ? 'completed' : state === 'putBack' ? 'pending' : 'failed';

/** What the API calls the type of records that cannot be read as dead letters. */
export const UNREADABLE = 'unreadable';
export const typeText = (errorType: string | null): string => errorType ?? UNREADABLE;
