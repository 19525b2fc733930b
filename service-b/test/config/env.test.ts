import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { envSchema, InvalidEnvironmentError, parseEnv } from '../../src/config/env';

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
      CORS_ORIGINS: ['*'],
      KAFKA_BROKERS: ['127.0.0.1:29092'],
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
    });
  });

  test.each(['', ' ', undefined])('When a setting is %p, then it counts as unset', (value) => {
    expect(parseEnv({ PORT: value, KAFKA_BROKERS: value })).toEqual(parseEnv({}));
  });

  test('When lists are given, then they are split at commas and trimmed', () => {
    expect(parseEnv({ KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092', CORS_ORIGINS: 'https://a.example , https://b.example,' })).toMatchObject({
      KAFKA_BROKERS: ['kafka-1:9092', 'kafka-2:9092'],
      CORS_ORIGINS: ['https://a.example', 'https://b.example'],
    });
  });

  test('When the environment holds other variables, then they are ignored', () => {
    expect(parseEnv({ PATH: '/bin', ORDERS_MAX: 'for service-a' })).toEqual(parseEnv({}));
  });
});

describe('settings are refused', () => {
  test.each([
    ['PORT', '65536'], ['PORT', 'http'], ['LOG_LEVEL', 'loud'], ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'], ['LOG_TRAIL_PER_SECOND', '-1'], ['KAFKA_BROKERS', 'kafka'], ['KAFKA_BROKERS', ','],
    ['PAYMENT_SUCCESS_RATE', '1.1'], ['PAYMENT_SUCCESS_RATE', '80%'], ['PAYMENT_TRANSIENT_RATE', '-0.1'], ['PAYMENT_LATENCY_MS', '60001'],
    ['PAYMENT_MAX_RETRIES', '21'], ['PAYMENT_MAX_RETRIES', '1.5'], ['PAYMENT_RETRY_BASE_MS', '0'], ['PAYMENT_CONCURRENCY', '0'],
    ['PAYMENT_TIMEOUT_MS', '0'], ['PAYMENT_TIMEOUT_MS', '60001'], ['PAYMENT_GATEWAY_URL', 'provider:3003'], ['PAYMENT_GATEWAY_URL', 'ftp://provider'],
    ['PAYMENT_GATEWAY_URL', 'http://'], ['PAYMENT_GATEWAY_URL', 'http://provider:99999'], ['PAYMENT_GATEWAY_URL', 'http://a:%zz@provider'],
    ['REDRIVE_MAX', '-1'],
  ])('When %s is %p, then the message names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: `));
  });

  test('When the address of the provider is faulty, then the message does not show its password', () => {
    expect(faultsOf({ PAYMENT_GATEWAY_URL: 'http://shop:secret%zz@provider' })).not.toContain('secret');
  });

  test('When several settings are faulty, then one message names each', () => {
    const message = faultsOf({ PORT: 'x', LOG_LEVEL: 'x', KAFKA_BROKERS: 'x', PAYMENT_SUCCESS_RATE: 'x' });
    expect(['PORT', 'LOG_LEVEL', 'KAFKA_BROKERS', 'PAYMENT_SUCCESS_RATE'].filter((name) => message.includes(`${name}: `))).toHaveLength(4);
  });
});

describe('.env.example', () => {
  const example = readFileSync(join(__dirname, '../../../.env.example'), 'utf8');
  const settings = Object.fromEntries(example.split('\n')
    .map((line) => /^([A-Z_]+)=(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, value]) => [name!, value!]));
  const perService = ['PORT', 'KAFKA_CLIENT_ID', 'KAFKA_GROUP_ID'];

  test('When it is compared with the schema, then it lists every setting', () => {
    const missing = Object.keys(envSchema.shape).filter((name) => !perService.includes(name) && !(name in settings));
    expect(missing).toEqual([]);
  });

  test.each(perService)('When %s differs between the services, then it is there as a comment only', (name) => {
    expect(settings).not.toHaveProperty(name);
    expect(example).toMatch(new RegExp(`^#.*\\b${name}=`, 'm'));
  });

  test('When it is used as it is, then nothing differs from the defaults', () => {
    expect(parseEnv(settings)).toEqual(parseEnv({}));
  });
});
