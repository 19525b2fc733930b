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
      PORT: 3001,
      LOG_LEVEL: 'info',
      LOG_TRAIL_PER_SECOND: 20,
      OTEL_SDK_DISABLED: false,
      OTEL_TRACES_EXPORTER: 'otlp',
      CORS_ORIGINS: ['*'],
      BODY_LIMIT_BYTES: 262_144,
      KAFKA_BROKERS: ['127.0.0.1:29092'],
      KAFKA_SASL_PLAINTEXT: false,
      KAFKA_CLIENT_ID: 'service-a',
      KAFKA_GROUP_ID: 'service-a-consumers',
      ORDERS_TOPIC: 'orders',
      PAYMENTS_TOPIC: 'payments',
      DLT_TOPIC: 'orders.DLT',
      ORDERS_MAX: 100_000,
      ORDERS_MAX_BYTES: 536_870_912,
      PUBLISH_TIMEOUT_MS: 5_000,
      PUBLISH_QUEUE_MAX: 10_000,
      PUBLISH_QUEUE_MAX_BYTES: 67_108_864,
    });
  });

  test('When the environment holds other variables, then they are ignored', () => {
    expect(parseEnv({ PATH: '/bin', PAYMENT_SUCCESS_RATE: 'for service-b' })).toEqual(parseEnv({}));
  });
});

describe('12.20 settings are refused', () => {
  test.each([
    ['BODY_LIMIT_BYTES', '1023'], ['BODY_LIMIT_BYTES', '524289'], ['BODY_LIMIT_BYTES', '1e4'], ['ORDERS_MAX', '0'], ['ORDERS_MAX', '10000001'],
    ['PUBLISH_TIMEOUT_MS', '99'], ['PUBLISH_TIMEOUT_MS', '60001'], ['PUBLISH_TIMEOUT_MS', 'Infinity'], ['PUBLISH_QUEUE_MAX', '0'],
    ['PUBLISH_QUEUE_MAX', '1000001'], ['KAFKA_GROUP_ID', 'service-b-consumers'],
    ['ORDERS_KEEP_DAYS', '0'], ['ORDERS_KEEP_DAYS', '36501'], ['DATABASE_URL', 'mysql://a'], ['DATABASE_URL', 'postgres://['],
    ['ORDERS_MAX_BYTES', '16777215'], ['ORDERS_MAX_BYTES', '8589934593'], ['PUBLISH_QUEUE_MAX_BYTES', '1048575'],
  ])('When %s is %p, then the message names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: `));
  });

  test('When the address of the database cannot be read, then the message does not show it', () => {
    expect(faultsOf({ DATABASE_URL: 'postgres://user:s3cret@[' })).not.toContain('s3cret');
  });
});
