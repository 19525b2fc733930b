import winston from 'winston';

export type Logger = winston.Logger;

const MAX_CAUSES = 5;

/** Turns an error into plain data, so that it travels as a field and keeps its causes. */
const plainError = (error: Error, causes = MAX_CAUSES): Record<string, unknown> => ({
  name: error.name,
  message: error.message,
  ...('code' in error ? { code: error.code } : {}),
  ...('type' in error ? { type: error.type } : {}),
  stack: error.stack,
  ...(error.cause instanceof Error && causes > 0 ? { cause: plainError(error.cause, causes - 1) } : {}),
});

const replacer = (_key: string, value: unknown): unknown => {
  if (value instanceof Error) return plainError(value);
  return typeof value === 'bigint' ? value.toString() : value;
};

const stamp = winston.format((info) => Object.assign(info, { timestamp: new Date().toISOString() }));

/** One JSON object a line: timestamp, level, service, message, then the fields of the event. */
const jsonLine = winston.format.printf(({ timestamp, level, service, message, ...fields }) =>
  JSON.stringify({ timestamp, level, service, message, ...fields }, replacer));

const readableLine = winston.format.printf(({ timestamp, level, service, message, ...fields }) => {
  const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, replacer)}`;
  return `${String(timestamp).slice(11, 23)} ${level} ${String(service)} ${String(message)}${details}`;
});

/**
 * SIGUSR2 makes a running process log at `debug`, and once more as before (at `info`, if it was started at `debug`).
 * @param onChange hears of it after the change, for loggers with a level of their own
 */
export const switchLevelOnSignal = (logger: Logger, onChange: () => void): void => {
  const usual = logger.level === 'debug' ? 'info' : logger.level;
  process.on('SIGUSR2', () => {
    const [from, to] = logger.level === 'debug' ? ['debug', usual] : [logger.level, 'debug'];
    logger.level = 'debug';
    logger.info('log level changed', { from, to });
    logger.level = to;
    onChange();
  });
};

/** JSON lines on stdout; readable and coloured when a terminal is attached. */
export const createLogger = ({ level, service }: { level: string; service: string }): Logger =>
  winston.createLogger({
    level,
    defaultMeta: { service },
    format: process.stdout.isTTY
      ? winston.format.combine(stamp(), winston.format.colorize(), readableLine)
      : winston.format.combine(stamp(), jsonLine),
    transports: [new winston.transports.Console()],
  });
