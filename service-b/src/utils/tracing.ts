/** The headers of W3C Trace Context, as they travel with a request and with the records that follow from it. */
export type TraceHeaders = { traceparent: string; tracestate?: string };

/** Of a request or of a record: there, a header may have no value, or come more than once. */
type HeaderValue = string | Buffer | null | undefined | (string | Buffer | null)[];

/** Version, ids, flags, and what a later version may have after them. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Printable ASCII. A longer one is left behind, as the specification allows from 512 characters on. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

const textOf = (value: HeaderValue): string => (typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : '');

/**
 * The trace that a request or a record is part of, by its `traceparent` and `tracestate`. A `traceparent` of a later version is read by the
 * fields of version 00 and travels on as such, with the flag that is known (https://www.w3.org/TR/trace-context).
 * @returns undefined if there is none, or none that is valid
 */
export const traceOf = (headers: Record<string, HeaderValue> = {}): TraceHeaders | undefined => {
  const given = headers['traceparent'];
  if (given === undefined) return undefined;
  const text = textOf(given);
  const [, version, ids, flags = '', more] = TRACEPARENT.exec(text) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  const traceparent = version === '00' ? text : `00-${ids}-0${Number.parseInt(flags, 16) & 1}`;
  const tracestate = textOf(headers['tracestate']);
  return TRACESTATE.test(tracestate) ? { traceparent, tracestate } : { traceparent };
};

/** 32 hex digits, as log lines show them in `traceId`. */
export const traceIdOf = (trace: TraceHeaders | undefined): string | undefined => trace?.traceparent.slice(3, 35);

export type Attributes = Record<string, string | number>;

/** A piece of work under way. */
export type Span = {
  /** What has to travel on, so that what follows is part of the trace; undefined where there is none. */
  readonly trace: TraceHeaders | undefined;
  /** Says that the work is over, and that it failed, if there is an error. */
  end: (attributes?: Attributes, error?: unknown) => void;
};

/** Begins a piece of work that follows from `parent`, or else begins a trace. */
export type StartSpan = (
  kind: 'server' | 'producer' | 'consumer',
  name: string,
  options: { parent: TraceHeaders | undefined; attributes: () => Attributes; links?: TraceHeaders[] },
) => Span;

export type Tracer = {
  start: StartSpan;
  /** Sends what is still to be sent. */
  stop: () => Promise<void>;
};

const nothing = (): void => undefined;

/** Passes on the trace that there is, and tells nobody. */
export const passOn: Tracer = {
  start: (_kind, _name, { parent }) => ({ trace: parent, end: nothing }),
  stop: async () => undefined,
};

/** Ends a span with what comes of `work`. A span that is told to nobody adds nothing to it. */
export const endWith = <T>({ end }: Span, work: Promise<T>, attributesOf?: (result: T) => Attributes): Promise<T> => {
  if (end === nothing) return work;
  return work.then(
    (result) => {
      end(attributesOf?.(result));
      return result;
    },
    (error: unknown) => {
      end({}, error);
      throw error;
    },
  );
};
