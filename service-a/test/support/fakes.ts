import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import winston from 'winston';
import type { Logger } from '../../src/utils/logger';

/** A value of `kafka/samples`, as the bytes of a record. */
export const sample = (name: string): Buffer => {
  const file = join(__dirname, '../../../kafka/samples', `${name}.json`);
  return Buffer.from(JSON.stringify(JSON.parse(readFileSync(file, 'utf8'))));
};

export type Line = { level: string; message: string } & Record<string, unknown>;

/** A logger that keeps its lines instead of writing them. */
export const recordingLogger = (): { logger: Logger; lines: Line[] } => {
  const lines: Line[] = [];
  const record = winston.format((info) => {
    lines.push(Object.fromEntries(Object.entries(info)) as Line);
    return info;
  });
  const logger = winston.createLogger({ level: 'debug', format: record(), transports: [new winston.transports.Console({ silent: true })] });
  return { logger, lines };
};

export type Deferred<T> = { promise: Promise<T>; resolve: (value: T) => void; reject: (reason: unknown) => void };

export const deferred = <T = void>(): Deferred<T> => {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};

/** Resolves when `condition` holds; rejects when it does not in time. */
export const eventually = async (condition: () => boolean, ms = 2_000): Promise<void> => {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`still not so after ${ms} ms: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};
