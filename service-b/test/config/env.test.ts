import { InvalidEnvironmentError, parseEnv } from '../../src/config/env';

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
      KAFKA_CLIENT_ID: 'service-b',
      KAFKA_GROUP_ID: 'service-b-consumers',
      ORDERS_TOPIC: 'orders',
      PAYMENTS_TOPIC: 'payments',
      DLT_TOPIC: 'orders.DLT',
      PAYMENT_SUCCESS_RATE: 0.8,
      PAYMENT_TRANSIENT_RATE: 0.02,
      PAYMENT_LATENCY_MS: 0,
      PAYMENT_MAX_RETRIES: 3,
      PAYMENT_RETRY_BASE_MS: 100,
      PAYMENT_CONCURRENCY: 256,
      REDRIVE_MAX: 3,
    });
  });

  test('When the environment holds other variables, then they are ignored', () => {
    expect(parseEnv({ PATH: '/bin', ORDERS_MAX: 'for service-a' })).toEqual(parseEnv({}));
  });
});

describe('12.20 settings are refused', () => {
  test.each([
    ['PAYMENT_SUCCESS_RATE', '1.1'], ['PAYMENT_SUCCESS_RATE', '80%'], ['PAYMENT_SUCCESS_RATE', '8e-1'], ['PAYMENT_TRANSIENT_RATE', '-0.1'],
    ['PAYMENT_TRANSIENT_RATE', 'NaN'], ['PAYMENT_LATENCY_MS', '60001'], ['PAYMENT_MAX_RETRIES', '21'], ['PAYMENT_MAX_RETRIES', '1.5'],
    ['PAYMENT_RETRY_BASE_MS', '0'], ['PAYMENT_CONCURRENCY', '0'], ['REDRIVE_MAX', '-1'], ['KAFKA_GROUP_ID', 'service-a-consumers'],
  ])('When %s is %p, then the message names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: `));
  });
});
