const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The trace id of a `traceparent` (W3C Trace Context, version 00): 32 hex digits.
 * @param value a header of a request or a record, from whomever
 * @returns undefined for anything else
 */
export const traceIdOf = (value: string | Buffer | (string | Buffer)[] | undefined): string | undefined =>
  (value === undefined || Array.isArray(value) ? undefined : TRACEPARENT.exec(value.toString())?.[1]);
