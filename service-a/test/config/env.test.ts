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
      PORT: 3001,
      LOG_LEVEL: 'info',
      LOG_TRAIL_PER_SECOND: 20,
      CORS_ORIGINS: ['*'],
      BODY_LIMIT_BYTES: 262_144,
      KAFKA_BROKERS: ['127.0.0.1:29092'],
      KAFKA_CLIENT_ID: 'service-a',
      KAFKA_GROUP_ID: 'service-a-consumers',
      ORDERS_TOPIC: 'orders',
      PAYMENTS_TOPIC: 'payments',
      DLT_TOPIC: 'orders.DLT',
      ORDERS_MAX: 1_000_000,
      ORDERS_MAX_BYTES: 1_073_741_824,
      PUBLISH_TIMEOUT_MS: 5_000,
      PUBLISH_QUEUE_MAX: 10_000,
      PUBLISH_QUEUE_MAX_BYTES: 67_108_864,
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
    expect(parseEnv({ PATH: '/bin', PAYMENT_SUCCESS_RATE: 'for service-b' })).toEqual(parseEnv({}));
  });
});

describe('settings are refused', () => {
  test.each([
    ['PORT', '65536'], ['PORT', '-1'], ['PORT', '80.5'], ['PORT', 'http'], ['LOG_LEVEL', 'loud'], ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'], ['LOG_TRAIL_PER_SECOND', '-1'],
    ['BODY_LIMIT_BYTES', '1023'], ['BODY_LIMIT_BYTES', '524289'], ['KAFKA_BROKERS', 'kafka'], ['KAFKA_BROKERS', ','], ['ORDERS_MAX', '0'],
    ['PUBLISH_TIMEOUT_MS', '99'], ['PUBLISH_TIMEOUT_MS', 'Infinity'], ['PUBLISH_QUEUE_MAX', '0'],
    ['ORDERS_MAX_BYTES', '16777215'], ['ORDERS_MAX_BYTES', '8589934593'], ['PUBLISH_QUEUE_MAX_BYTES', '1048575'],
  ])('When %s is %p, then the message names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: `));
  });

  test('When several settings are faulty, then one message names each', () => {
    const message = faultsOf({ PORT: 'x', LOG_LEVEL: 'x', KAFKA_BROKERS: 'x', ORDERS_MAX: 'x' });
    expect(['PORT', 'LOG_LEVEL', 'KAFKA_BROKERS', 'ORDERS_MAX'].filter((name) => message.includes(`${name}: `))).toHaveLength(4);
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
    expect(example).toMatch(new RegExp(`^# *${name}=`, 'm'));
  });

  test('When it is used as it is, then nothing differs from the defaults', () => {
    expect(parseEnv(settings)).toEqual(parseEnv({}));
  });
});
