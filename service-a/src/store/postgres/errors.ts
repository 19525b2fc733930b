import { types } from 'node:util';
import { DatabaseError } from 'pg';
import { StoreUnavailableError } from '../../processors/order-store';

/**
 * What a failure means: `lost` the connection, or the server is not up: what was asked may have been done or not; `conflict`: it was not
 * done, because of what others did at the same time; `unavailable`: the database cannot do it now; `defect`: the question itself is wrong.
 */
export type Fault = 'lost' | 'conflict' | 'unavailable' | 'defect';

/** By SQLSTATE, see PostgreSQL's appendix A: admin shutdown, crash, not accepting connections yet. */
const LOST = new Set(['57P01', '57P02', '57P03']);
/** Serialization failure, deadlock. */
const CONFLICT = new Set(['40001', '40P01']);
/**
 * Classes: transaction state (a server that only reads), authorization, no such database, out of resources, object in use (a lock that is
 * not had in time), intervention (a statement that took too long), system errors. In addition: tables that are not there, or not ours.
 */
const UNAVAILABLE = new Set(['25', '28', '3D', '3F', '53', '55', '57', '58', 'F0', 'XX']);
const NO_TABLES = new Set(['42P01', '42501']);

const PLAIN = new Set(['Error', 'AggregateError']);

/** The client's own time-outs have no code. Another try would take as long. */
const TIMED_OUT = /read timeout|connection timeout|trying to connect|^Cannot use a pool/;

export const faultOf = (error: unknown): Fault => {
  if (error instanceof StaleReadError) return 'conflict';
  if (!(error instanceof DatabaseError)) {
    // What the client and Node.js say of a connection is a plain error; one with a name of its own is about this code.
    if (!types.isNativeError(error) || !PLAIN.has(error.name)) return 'defect';
    return TIMED_OUT.test(error.message) ? 'unavailable' : 'lost';
  }
  const code = error.code ?? '';
  if (LOST.has(code) || code.startsWith('08')) return 'lost';
  if (CONFLICT.has(code)) return 'conflict';
  return UNAVAILABLE.has(code.slice(0, 2)) || NO_TABLES.has(code) ? 'unavailable' : 'defect';
};

/** Another writer was first with a row that was not there when this transaction looked: it is to look again. */
export class StaleReadError extends Error {
  override readonly name = 'StaleReadError';
}

/** Names no address, user or statement: those are in the cause, for the log. */
export const unavailable = (cause?: unknown): StoreUnavailableError =>
  new StoreUnavailableError('the database cannot be asked now', { cause });
