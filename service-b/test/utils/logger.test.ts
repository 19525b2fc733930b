import { Writable } from 'node:stream';
import winston from 'winston';
import { createLogger, switchLevelOnSignal } from '../../src/utils/logger';

/** What a logger writes, line by line. */
const written = (log: (logger: winston.Logger) => void, { isTTY = false, level = 'info' } = {}): string[] => {
  const terminal = jest.replaceProperty(process.stdout, 'isTTY', isTTY);
  const lines: string[] = [];
  const stream = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(line.toString().trimEnd());
      done();
    },
  });
  const logger = createLogger({ level, service: 'service-x' });
  logger.clear().add(new winston.transports.Stream({ stream }));
  log(logger);
  terminal.restore();
  return lines;
};

const parsed = (line: string | undefined): unknown => JSON.parse(line ?? '');

beforeAll(() => {
  // Under Jest stdout may be no stream of a terminal, and then it lacks the property.
  if (!('isTTY' in process.stdout)) Object.defineProperty(process.stdout, 'isTTY', { value: false, writable: true, configurable: true });
});

describe('a log line', () => {
  test('When an event is logged, then it is one JSON object with time, level, service, message and fields', () => {
    const [line] = written((logger) => logger.info('order published', { orderId: 'a', offset: 7n }));
    expect(parsed(line)).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      level: 'info', service: 'service-x', message: 'order published', orderId: 'a', offset: '7',
    });
  });

  test('When an error is a field, then its name, code, stack and cause are there', () => {
    const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E1' });
    const [line] = written((logger) => logger.error('request failed', { error }));
    expect(parsed(line)).toMatchObject({
      message: 'request failed',
      error: {
        name: 'TypeError', message: 'outer', code: 'E1', stack: expect.stringContaining('TypeError: outer') as string,
        cause: { name: 'Error', message: 'inner' },
      },
    });
  });

  test('When the level is below the threshold, then nothing is written', () => {
    expect(written((logger) => logger.debug('chatter'), { level: 'info' })).toEqual([]);
  });

  test('When a terminal is attached, then the line is readable', () => {
    const [line] = written((logger) => logger.info('order published', { orderId: 'a' }), { isTTY: true });
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} .*info.* service-x order published \{"orderId":"a"\}$/);
  });
});

describe('the level', () => {
  afterEach(() => process.removeAllListeners('SIGUSR2'));

  test.each([['info', 'info'], ['warn', 'warn'], ['debug', 'info']])('When it is %s and SIGUSR2 comes, then it goes between debug and %s, and says so', (level, usual) => {
    const levels: string[] = [];
    const lines = written((logger) => {
      switchLevelOnSignal(logger, () => void levels.push(logger.level));
      if (level === 'debug') process.emit('SIGUSR2');
      process.emit('SIGUSR2');
      logger.debug('chatter');
      process.emit('SIGUSR2');
      logger.debug('not shown');
    }, { level });
    expect(levels.slice(-2)).toEqual(['debug', usual]);
    expect(lines.slice(-3).map(parsed)).toMatchObject([
      { level: 'info', message: 'log level changed', from: usual, to: 'debug' },
      { level: 'debug', message: 'chatter' },
      { level: 'info', message: 'log level changed', from: 'debug', to: usual },
    ]);
  });
});
