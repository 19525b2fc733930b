import type { IHeaders } from 'kafkajs';
import { traceOf, type TraceHeaders } from '../utils/tracing';
import { blockOf, createHeaderWriter, eachHeader, headersOf, isAt, type HeaderBlock, type Headers } from './record-headers';

/** Whether to leave a header out whose name lies there. */
type IsUnwanted = (bytes: Buffer, nameFrom: number, nameTo: number) => boolean;

/** Copies what stays in as long runs as it can: there may be half a million headers. */
const copyWithout = ({ count, bytes }: HeaderBlock, isUnwanted: IsUnwanted, writer: ReturnType<typeof createHeaderWriter>): void => {
  let run = { from: 0, count: 0 };
  let before = 0;
  const copyRun = (): void => writer.addBlock({ count: run.count, bytes: bytes.subarray(run.from, before) });
  eachHeader({ count, bytes }, (nameFrom, nameTo, _valueFrom, end) => {
    if (isUnwanted(bytes, nameFrom, nameTo)) {
      copyRun();
      run = { from: end, count: 0 };
    } else {
      run.count += 1;
    }
    before = end;
  });
  copyRun();
};

const changed = (headers: Headers | undefined, isUnwanted: IsUnwanted, more: Record<string, string>): IHeaders => {
  const block = blockOf(headers);
  const writer = createHeaderWriter(block.bytes.length + 512);
  copyWithout(block, isUnwanted, writer);
  for (const [name, value] of Object.entries(more)) writer.add(name, value);
  return headersOf(writer.block());
};

/** The headers as they are, and more behind them, also of names that are there already. */
export const withMore = (headers: Headers | undefined, more: Record<string, string>): IHeaders => changed(headers, () => false, more);

/** The headers without those of the given names, and one of each of these behind the others. */
export const withOnly = (headers: Headers | undefined, given: Record<string, string>): IHeaders => {
  const names = Object.keys(given).map((name) => Buffer.from(name));
  return changed(headers, (bytes, from, to) => names.some((name) => isAt(bytes, from, to, name)), given);
};

/** The headers without those whose name begins so. */
export const withoutPrefix = (headers: Headers | undefined, prefix: string): IHeaders => {
  const wanted = Buffer.from(prefix);
  return changed(headers, (bytes, from, to) => isAt(bytes, from, Math.min(to, from + wanted.length), wanted), {});
};

/** The headers with this trace; just as they are if they are of it, or if there is none. */
export const withTrace = (headers: IHeaders, trace: TraceHeaders | undefined): IHeaders =>
  (trace === undefined || traceOf(headers)?.traceparent === trace.traceparent ? headers : withOnly(headers, trace));
