import { dltSecurityOf, InvalidEnvironmentError, parseEnv, securityOf } from '../../src/config/env';

const faultsOf = (source: Record<string, string>): string => {
  try {
    parseEnv(source);
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) return error.message;
    throw error;
  }
  throw new Error('the settings are valid');
};

describe('settings are taken', () => {
  test('When nothing is set, then the defaults hold', () => {
    expect(parseEnv({})).toEqual({
      HOST: '127.0.0.1',
      PORT: 3002,
      LOG_LEVEL: 'info',
      LOG_TRAIL_PER_SECOND: 20,
      OTEL_SDK_DISABLED: false,
      OTEL_TRACES_EXPORTER: 'otlp',
      CORS_ORIGINS: ['*'],
      KAFKA_BROKERS: ['127.0.0.1:29092'],
      KAFKA_SASL_PLAINTEXT: false,
      KAFKA_CLIENT_ID: 'service-b',
      KAFKA_GROUP_ID: 'service-b-consumers',
      ORDERS_TOPIC: 'orders',
      PAYMENTS_TOPIC: 'payments',
      DLT_TOPIC: 'orders.DLT',
      PAYMENT_TIMEOUT_MS: 10_000,
      PAYMENT_SUCCESS_RATE: 0.8,
      PAYMENT_TRANSIENT_RATE: 0.02,
      PAYMENT_LATENCY_MS: 0,
      PAYMENT_MAX_RETRIES: 3,
      PAYMENT_RETRY_BASE_MS: 100,
      PAYMENT_CONCURRENCY: 256,
      REDRIVE_MAX: 3,
      OPERATOR_PAGE: false,
      DEAD_LETTERS_MAX_BYTES: 50_331_648,
    });
  });

  test('When the environment holds other variables, then they are ignored', () => {
    expect(parseEnv({ PATH: '/bin', ORDERS_MAX: 'for service-a' })).toEqual(parseEnv({}));
  });
});

describe('16 the user of the command for dead letters', () => {
  const settings = { KAFKA_SASL_USERNAME: 'service-b', KAFKA_SASL_PASSWORD_FILE: __filename, KAFKA_SASL_PLAINTEXT: 'true' };

  test('When it has none of its own, then it is that of the service', () => {
    const env = parseEnv(settings);
    expect(dltSecurityOf(env)).toEqual(securityOf(env));
  });

  test('When it has one of its own, then it is that, and its file need not be there for the service', () => {
    const env = parseEnv({ ...settings, DLT_SASL_USERNAME: 'dlt', DLT_SASL_PASSWORD_FILE: '/nowhere/password' });
    expect(dltSecurityOf(env).credentials).toEqual({ username: 'dlt', passwordFile: '/nowhere/password' });
    expect(securityOf(env).credentials).toEqual({ username: 'service-b', passwordFile: __filename });
  });
});

describe('12.20 settings are refused', () => {
  test.each([
    ['PAYMENT_SUCCESS_RATE', '1.1'], ['PAYMENT_SUCCESS_RATE', '80%'], ['PAYMENT_SUCCESS_RATE', '8e-1'], ['PAYMENT_TRANSIENT_RATE', '-0.1'],
    ['PAYMENT_TRANSIENT_RATE', 'NaN'], ['PAYMENT_LATENCY_MS', '60001'], ['PAYMENT_MAX_RETRIES', '21'], ['PAYMENT_MAX_RETRIES', '1.5'],
    ['PAYMENT_TIMEOUT_MS', '0'], ['PAYMENT_TIMEOUT_MS', '60001'], ['PAYMENT_GATEWAY_URL', 'provider:3003'], ['PAYMENT_GATEWAY_URL', 'ftp://provider'],
    ['PAYMENT_GATEWAY_URL', 'http://'], ['PAYMENT_GATEWAY_URL', 'http://provider:99999'], ['PAYMENT_GATEWAY_URL', 'http://a:%zz@provider'],
    ['PAYMENT_GATEWAY_URL', 'http://provider:6000'], ['PAYMENT_GATEWAY_URL', 'https://provider:0/v1'],
    ['PAYMENT_RETRY_BASE_MS', '0'], ['PAYMENT_CONCURRENCY', '0'], ['REDRIVE_MAX', '-1'], ['OPERATOR_PAGE', 'yes'], ['DEAD_LETTERS_MAX_BYTES', '1'], ['BOARD_URL', 'board:3001'], ['TRACES_PAGE_URL', '/trace'], ['KAFKA_GROUP_ID', 'service-a-consumers'],
  ])('When %s is %p, then the message names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: `));
  });

  test('When the provider is at a port, then it is refused just where fetch would ask nobody', async () => {
    const whyNot = async (port: number): Promise<unknown> => {
      const signal = AbortSignal.timeout(2_000);
      return fetch(`http://127.0.0.1:${port}/`, { signal }).then(() => 'answered', (error: unknown) => (error as { cause?: Error }).cause?.message);
    };
    const isTaken = (port: number): boolean => {
      const url = `http://127.0.0.1:${port}/`;
      try {
        return parseEnv({ PAYMENT_GATEWAY_URL: url }).PAYMENT_GATEWAY_URL === url;
      } catch {
        return false;
      }
    };
    const ports = Array.from({ length: 10_100 }, (_, index) => index + 1);
    const blocked = ports.filter((port) => !isTaken(port));
    expect(await Promise.all(blocked.map(whyNot))).toEqual(blocked.map(() => 'bad port'));
    expect([blocked.length, blocked.at(-1)]).toEqual([82, 10_080]);
  });

  test('When the address of the provider is faulty, then the message does not show its password', () => {
    expect(faultsOf({ PAYMENT_GATEWAY_URL: 'http://shop:secret%zz@provider' })).not.toContain('secret');
  });
});
