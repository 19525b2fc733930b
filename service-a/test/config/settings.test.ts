import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { envSchema, InvalidEnvironmentError, loadEnv, parseEnv, securityOf, tracesUrlOf } from '../../src/config/env';

const faultsOf = (source: Record<string, string>, shared?: string[]): string => {
  try {
    parseEnv(source, shared);
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) return error.message;
    throw error;
  }
  throw new Error('the settings are valid');
};

describe('12.20 settings of both services are taken', () => {
  test.each(['', ' ', undefined])('When a setting is %p, then it counts as unset', (value) => {
    expect(parseEnv({ PORT: value, KAFKA_BROKERS: value, OTEL_SDK_DISABLED: value })).toEqual(parseEnv({}));
  });

  test.each([
    ['KAFKA_BROKERS', 'kafka-1:9092, Kafka_2.example:9093,', ['kafka-1:9092', 'kafka_2.example:9093']],
    ['KAFKA_BROKERS', '10.0.0.1:1,kafka:65535,KAFKA:65535', ['10.0.0.1:1', 'kafka:65535']],
    ['CORS_ORIGINS', 'https://a.example , https://b.example,', ['https://a.example', 'https://b.example']],
    ['CORS_ORIGINS', 'HTTPS://A.Example:443/,http://localhost:80,https://a.example', ['https://a.example', 'http://localhost']],
    ['CORS_ORIGINS', 'http://[::1]:5173', ['http://[::1]:5173']],
    ['CORS_ORIGINS', ' * ', ['*']],
    ['HOST', '::', '::'], ['HOST', '0.0.0.0', '0.0.0.0'], ['HOST', 'my-host.example', 'my-host.example'],
    ['PORT', ' 3005 ', 3_005], ['PORT', '0', 0], ['LOG_LEVEL', 'WARN', 'warn'],
    ['ORDERS_TOPIC', 'eu.orders_v2-x', 'eu.orders_v2-x'], ['ORDERS_TOPIC', 'o'.repeat(249), 'o'.repeat(249)],
  ])('When %s is %p, then it is %j', (name, value, taken) => {
    expect(parseEnv({ [name]: value })).toMatchObject({ [name]: taken });
  });

  test('When the environment holds other variables, then they are ignored', () => {
    expect(parseEnv({ PATH: '/bin', ANOTHER_SETTING: 'x' })).toEqual(parseEnv({}));
  });
});

describe('12.20 settings of both services are refused', () => {
  test.each([
    ...['65536', '-1', '80.5', 'http', '1e3', '0x10', '5.0', '+5', 'Infinity', 'NaN', 'true', '9'.repeat(400)].map((value) => ['PORT', value]),
    ...['http://localhost', 'localhost:3001', '[::1]', '999.1.1.1', '1.2.3', 'a b', '*', '0.0.0.0/0', 'a..b'].map((value) => ['HOST', value]),
    ['LOG_LEVEL', 'loud'], ['LOG_TRAIL_PER_SECOND', '-1'], ['LOG_TRAIL_PER_SECOND', '4294967296'],
    ...['kafka', ',', 'kafka:0', 'kafka:65536', 'kafka:99999', ':9092', 'kafka:', '[::1]:9092', '::1:9092', 'PLAINTEXT://kafka:9092',
      'kafka:9092/x', 'a b:9092', '300.1.1.1:9092', 'kafka:9092|other:9092'].map((value) => ['KAFKA_BROKERS', value]),
    ...['a b', 'a/b', '.', '..', 'o'.repeat(250), 'größe', '__consumer_offsets', '__transaction_state'].map((value) => ['PAYMENTS_TOPIC', value]),
    ...[',', 'null', 'a.example', 'https://a.example/shop', 'https://a.example//', 'https://a.example?x', 'https://a.example#x', 'https://user@a.example',
      'https://*.example', 'ftp://a.example', '*,https://a.example', 'https://', 'https://a.example:99999', 'https://a.example https://b.example',
    ].map((value) => ['CORS_ORIGINS', value]),
    ['KAFKA_CLIENT_ID', 'x'.repeat(201)], ['KAFKA_GROUP_ID', 'a\nb'],
    ['OTEL_SDK_DISABLED', '1'], ['OTEL_SDK_DISABLED', 'yes'], ['OTEL_TRACES_EXPORTER', 'zipkin'], ['OTEL_TRACES_EXPORTER', 'otlp,console'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'], ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://'], ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://c:4318?a=b'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://c:4317'],
  ] as [string, string][])('When %s is %p, then one sentence names it', (name, value) => {
    expect(faultsOf({ [name]: value })).toMatch(new RegExp(`^Invalid settings: ${name}: [^;]+$`));
  });

  test.each([
    [{ PAYMENTS_TOPIC: 'orders' }, 'PAYMENTS_TOPIC: must not be orders, which ORDERS_TOPIC is'],
    [{ ORDERS_TOPIC: 'orders.DLT' }, 'DLT_TOPIC: must not be orders.DLT, which ORDERS_TOPIC is'],
    [{ PAYMENTS_TOPIC: 'x', DLT_TOPIC: ' x ' }, 'DLT_TOPIC: must not be x, which PAYMENTS_TOPIC is'],
  ])('When two topics have one name by %j, then the sentence says which', (settings, sentence) => {
    expect(faultsOf(settings)).toBe(`Invalid settings: ${sentence}`);
  });

  test('When a list has unusable elements, then the sentence shows those alone', () => {
    expect(faultsOf({ KAFKA_BROKERS: 'kafka:9092,kafka:0,x' })).toMatch(/^Invalid settings: KAFKA_BROKERS: kafka:0 and x: must be /);
  });

  test('When the group of this service and its port come from the file that both services read, then each is named', () => {
    const message = faultsOf({ KAFKA_GROUP_ID: 'payments', PORT: '3005' }, ['PORT', 'KAFKA_GROUP_ID']);
    expect(message).toMatch(/^Invalid settings: PORT: stands in the \.env that both services read.*; KAFKA_GROUP_ID: stands in /);
    expect(parseEnv({ KAFKA_GROUP_ID: '' }, ['KAFKA_GROUP_ID'])).toEqual(parseEnv({}));
  });

  test('When several settings are faulty, alone and together, then one message names each', () => {
    const message = faultsOf({ PORT: 'x', LOG_LEVEL: 'x', KAFKA_BROKERS: 'x', CORS_ORIGINS: 'x', PAYMENTS_TOPIC: 'orders' });
    expect(['PORT', 'LOG_LEVEL', 'KAFKA_BROKERS', 'CORS_ORIGINS', 'PAYMENTS_TOPIC'].filter((name) => message.includes(`${name}: `))).toHaveLength(5);
  });
});

describe('16 files and users to come in at the broker with', () => {
  const [CA = '', OTHER_CA = ''] = rootCertificates;
  let folder: string;
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const ca = (): string => file('ca.pem', `subject=somebody\n${CA}\n${OTHER_CA}\n`);
  const password = (): string => file('password', 'hunter2\n');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'security-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('When nothing is set, then it comes in without TLS and without a password', () => {
    expect(securityOf(parseEnv({}))).toEqual({ caFile: undefined, credentials: undefined });
  });

  test('When CA, user and password are there, then it comes in with them', () => {
    const settings = { KAFKA_SSL_CA_FILE: ca(), KAFKA_SASL_USERNAME: 'shop', KAFKA_SASL_PASSWORD_FILE: password() };
    expect(securityOf(parseEnv(settings))).toEqual({ caFile: settings.KAFKA_SSL_CA_FILE, credentials: { username: 'shop', passwordFile: password() } });
    expect(securityOf(parseEnv({ KAFKA_SSL_CA_FILE: ca() }))).toEqual({ caFile: ca(), credentials: undefined });
  });

  test.each([
    ['is empty', ''], ['is something else', 'hunter2'], ['is cut off', CA.slice(0, CA.length / 2)], ['is a key', CA.replaceAll('CERTIFICATE', 'PRIVATE KEY')],
    ['holds another that cannot be read', `${CA}\n${CA.replace('MII', '!!!')}`],
    ['holds another that is no certificate', `${CA}\n-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----`],
  ])('When the file of the CA %s, then one sentence names the setting and shows nothing of it', (_what, text) => {
    const path = file('ca.pem', text);
    const message = faultsOf({ KAFKA_SSL_CA_FILE: path });
    expect(message).toMatch(new RegExp(`^Invalid settings: KAFKA_SSL_CA_FILE: ${path} holds no certificates in PEM[^;]+$`));
    expect(message).not.toMatch(/hunter2|MII/);
  });

  test.each(['', '\n', ' \r\n'])('When the file of the password holds %j, then one sentence names the setting', (text) => {
    const settings = { KAFKA_SSL_CA_FILE: ca(), KAFKA_SASL_USERNAME: 'shop', KAFKA_SASL_PASSWORD_FILE: file('password', text) };
    expect(faultsOf(settings)).toBe(`Invalid settings: KAFKA_SASL_PASSWORD_FILE: ${settings.KAFKA_SASL_PASSWORD_FILE} holds no password`);
  });

  test('When files are not there or are folders, then each is named with the reason', () => {
    const message = faultsOf({ KAFKA_SSL_CA_FILE: '/nowhere/ca.pem', KAFKA_SASL_USERNAME: 'shop', KAFKA_SASL_PASSWORD_FILE: folder });
    expect(message).toBe('Invalid settings: KAFKA_SSL_CA_FILE: /nowhere/ca.pem cannot be read (ENOENT); '
      + `KAFKA_SASL_PASSWORD_FILE: ${folder} cannot be read (EISDIR)`);
  });

  test.each([
    ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD_FILE'], ['KAFKA_SASL_PASSWORD_FILE', 'KAFKA_SASL_USERNAME'],
    ['DLT_SASL_USERNAME', 'DLT_SASL_PASSWORD_FILE'], ['DLT_SASL_PASSWORD_FILE', 'DLT_SASL_USERNAME'],
  ])('When %s is set alone, then the sentence asks for the other one', (one, other) => {
    expect(faultsOf({ KAFKA_SSL_CA_FILE: ca(), [one]: password() })).toBe(`Invalid settings: ${other}: must be set too, as ${one} is`);
  });

  test.each(['KAFKA', 'DLT'])('When %s has a user without TLS, then that is refused, unless it is asked for', (whose) => {
    const settings = { [`${whose}_SASL_USERNAME`]: 'shop', [`${whose}_SASL_PASSWORD_FILE`]: password() };
    expect(faultsOf(settings)).toMatch(new RegExp(`^Invalid settings: KAFKA_SSL_CA_FILE: must be set too, as ${whose}_SASL_USERNAME is; `));
    expect(faultsOf({ ...settings, KAFKA_SASL_PLAINTEXT: 'false' })).toMatch(/KAFKA_SSL_CA_FILE/);
    expect(securityOf(parseEnv({ ...settings, KAFKA_SASL_PLAINTEXT: 'True' })).caFile).toBeUndefined();
  });
});

describe('12.20 the two .env files', () => {
  const start = process.cwd();
  const environment = { ...process.env };
  let root: string;
  /** What the service takes, or its message, where these are the files. */
  const taken = (ofRoot: string, ofService = ''): unknown => {
    writeFileSync(join(root, '.env'), ofRoot);
    writeFileSync(join(root, 'service', '.env'), ofService);
    try {
      return loadEnv();
    } catch (error) {
      return (error as Error).message;
    }
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'settings-'));
    mkdirSync(join(root, 'service'));
    process.chdir(join(root, 'service'));
  });
  afterEach(() => {
    process.chdir(start);
    process.env = { ...environment };
    rmSync(root, { recursive: true });
  });

  test('When the root\'s names a group, which both services would be in, then the service does not start with it', () => {
    expect(taken('KAFKA_GROUP_ID=payments\nLOG_LEVEL=warn\n')).toMatch(/^Invalid settings: KAFKA_GROUP_ID: stands in the \.env that both/);
  });

  test('When the service\'s own file or its environment outranks it, then that is taken', () => {
    process.env['PORT'] = '4001';
    expect(taken('KAFKA_GROUP_ID=payments\nPORT=4000\nLOG_LEVEL=warn\n', 'KAFKA_GROUP_ID=mine\nLOG_LEVEL=error\n'))
      .toMatchObject({ KAFKA_GROUP_ID: 'mine', PORT: 4_001, LOG_LEVEL: 'error' });
  });

  test('When the root\'s holds what is right for both, then it is taken', () => {
    expect(taken('LOG_LEVEL=warn\nKAFKA_GROUP_ID=\n')).toMatchObject({ LOG_LEVEL: 'warn' });
  });
});

describe('12.20 OpenTelemetry\'s own variables', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' };
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/in?key=1' };
  test.each([
    [{}, undefined],
    [endpoint, 'http://c:4318/v1/traces'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/base' }, 'http://c:4318/base/v1/traces'],
    [traces, 'https://t/in?key=1'],
    [{ ...endpoint, ...traces }, 'https://t/in?key=1'],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'True' }, undefined],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, 'http://c:4318/v1/traces'],
    [{ ...traces, OTEL_TRACES_EXPORTER: 'None' }, undefined],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'otlp' }, 'http://c:4318/v1/traces'],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, undefined],
  ])('When they are %j, then spans go to %s', (settings, url) => {
    expect(tracesUrlOf(parseEnv(settings))).toBe(url);
  });
});

describe('.env.example', () => {
  const read = (path: string): string => readFileSync(join(__dirname, '../../..', path), 'utf8');
  const example = read('.env.example');
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

  test('12.20 When Compose starts the service, then it passes on every setting but those that it fixes or leaves at their defaults', () => {
    const service = read('docker-compose.yml').split(/^ {2}(?=\S)/m).find((part) => part.startsWith(`${parseEnv({}).KAFKA_CLIENT_ID}:`)) ?? '';
    // The address of a database, how to come in at a secure broker, and who may ask, are set by the overlays that start or mount them.
    const left = ['KAFKA_CLIENT_ID', 'KAFKA_GROUP_ID', 'ORDERS_TOPIC', 'PAYMENTS_TOPIC', 'DLT_TOPIC', 'DATABASE_URL', 'API_TOKENS_FILE'];
    const isLeft = (name: string): boolean => left.includes(name) || /_(SSL|SASL)_|^SCHEMA_REGISTRY_/.test(name);
    const set = [...service.matchAll(/^ {6}([A-Z_]+): /gm)].map((match) => match[1]!);
    expect(set.sort()).toEqual(Object.keys(envSchema.shape).filter((name) => !isLeft(name)).sort());
  });
});
