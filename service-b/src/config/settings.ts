import { isIP } from 'node:net';
import { z } from 'zod';
import { certificatesFile, passwordFile } from './files';
import { faultsOfRegistry, registrySettings } from './registry';

/** Above it a timer of Node fires at once, and Kafka's whole numbers end there too. */
const LARGEST = 2 ** 31 - 1;

/** Written as people write numbers: `1e3` and `0x10` are more likely a slip than meant. */
const numberOf = (what: string, written: RegExp, minimum: number, maximum: number) => z.string()
  .refine((text) => written.test(text) && Number(text) >= minimum && Number(text) <= maximum, `must be ${what} from ${minimum} to ${maximum}`)
  .transform(Number);

export const integer = (minimum: number, maximum = LARGEST) => numberOf('a whole number, in digits,', /^\d+$/, minimum, maximum);
export const share = numberOf('a number such as 0.25', /^(\d+(\.\d+)?|\.\d+)$/, 0, 1);

/** What OpenTelemetry calls a boolean, and what it calls an enum: in any case of letters. */
export const choice = <T extends string>(...words: [T, ...T[]]) => z.string().toLowerCase()
  .pipe(z.enum(words, { error: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` }));

/** Names that are shown to the broker and in its tools. */
export const name = z.string().regex(/^[^\p{Cc}]{1,200}$/u, 'must have 1 to 200 characters, without line breaks and the like');

/** A group that another service is in by default is not this one's: the broker would divide the records among both. */
export const groupId = (ofAnother: string) => name.refine((text) => text !== ofAnother, `${ofAnother} is the group of the other service`);

const HOST_LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** A name that ends in a number is an IPv4 address or nothing (https://url.spec.whatwg.org/#ends-in-a-number-checker). */
const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (text.length <= 253 && text.split('.').every((label) => HOST_LABEL.test(label)) && !/(^|\.)\d+$/.test(text));

const host = z.string().refine(isHost, 'must be an IP address or a host name, without scheme and port');

/** Elements separated by commas, each as `read` gives it back; those that it knows nothing to do with are named. */
const list = (rule: string, read: (element: string) => string | undefined) => z.string().transform((text, context) => {
  const elements = text.split(',').map((element) => element.trim()).filter((element) => element !== '');
  const unusable = elements.filter((element) => read(element) === undefined);
  if (elements.length === 0) context.addIssue({ code: 'custom', message: 'must name at least one' });
  if (unusable.length > 0) context.addIssue({ code: 'custom', message: `${unusable.join(' and ')}: ${rule}` });
  return [...new Set(elements.flatMap((element) => read(element) ?? []))];
});

/** KafkaJS parts host and port at the first colon, so an IPv6 address cannot be said to it. */
const brokers = list('must be host:port with a port from 1 to 65535, and a host name instead of an IPv6 address', (element) => {
  const [, hostname = '', port = '0'] = /^([^:]+):(\d{1,5})$/.exec(element) ?? [];
  return isHost(hostname) && Number(port) >= 1 && Number(port) <= 65_535 ? `${hostname.toLowerCase()}:${Number(port)}` : undefined;
});

/** As browsers send it in `Origin`: lower case, and no port where it is the scheme's own. */
const originOf = (element: string): string | undefined => {
  if (element === '*') return element;
  if (!/^https?:\/\/[^/?#@\\\s]+\/?$/i.test(element) || !URL.canParse(element)) return undefined;
  const { origin, hostname } = new URL(element);
  return isHost(hostname.replace(/^\[|\]$/g, '')) ? origin : undefined;
};

const origins = list('must be * or an origin such as https://shop.example:8443, without a path', originOf)
  .refine((all) => all.length === 1 || !all.includes('*'), '* must stand alone');

const KAFKAS_OWN = ['__consumer_offsets', '__transaction_state', '__cluster_metadata'];

/** As org.apache.kafka.common.internals.Topic#validate has it. */
const topic = z.string()
  .regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, 'must have 1 to 249 letters, digits, dots, underscores or hyphens, and be neither . nor ..')
  .refine((text) => !KAFKAS_OWN.includes(text), 'must not be a topic of Kafka itself');

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text);

const TOPICS = { ORDERS_TOPIC: 'orders', PAYMENTS_TOPIC: 'payments', DLT_TOPIC: 'orders.DLT' };

/** What both services have, with the same defaults. */
export const commonSettings = {
  HOST: host.default('127.0.0.1'),
  LOG_LEVEL: choice('error', 'warn', 'info', 'debug').default('info'),
  LOG_TRAIL_PER_SECOND: integer(0, 1_000_000).default(20),
  OTEL_SDK_DISABLED: choice('true', 'false').transform((word) => word === 'true').default(false),
  OTEL_TRACES_EXPORTER: choice('otlp', 'none').default('otlp'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string()
    .refine((text) => isUrl(text) && !/[?#]/.test(text), 'must be an address such as http://127.0.0.1:4318').optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().refine(isUrl, 'must be an address such as http://127.0.0.1:4318/v1/traces').optional(),
  CORS_ORIGINS: origins.default(['*']),
  KAFKA_BROKERS: brokers.default(['127.0.0.1:29092']),
  KAFKA_SSL_CA_FILE: certificatesFile.optional(),
  KAFKA_SASL_USERNAME: name.optional(),
  KAFKA_SASL_PASSWORD_FILE: passwordFile.optional(),
  KAFKA_SASL_PLAINTEXT: choice('true', 'false').transform((word) => word === 'true').default(false),
  ...registrySettings,
  ORDERS_TOPIC: topic.default(TOPICS.ORDERS_TOPIC),
  PAYMENTS_TOPIC: topic.default(TOPICS.PAYMENTS_TOPIC),
  DLT_TOPIC: topic.default(TOPICS.DLT_TOPIC),
};

type TraceSettings = Pick<z.output<z.ZodObject<typeof commonSettings>>,
  'OTEL_SDK_DISABLED' | 'OTEL_TRACES_EXPORTER' | 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'>;

/**
 * Where spans go, by OpenTelemetry's rules: the address for traces as it is, or else `/v1/traces` below the one for all signals
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). But without an address none are made.
 */
export const tracesUrlOf = (env: TraceSettings): string | undefined => {
  if (env.OTEL_SDK_DISABLED || env.OTEL_TRACES_EXPORTER === 'none') return undefined;
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '');
  return env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base}/v1/traces`);
};

type SecuritySettings = Pick<z.output<z.ZodObject<typeof commonSettings>>,
  'KAFKA_SSL_CA_FILE' | 'KAFKA_SASL_USERNAME' | 'KAFKA_SASL_PASSWORD_FILE'>;

/** How to come in at the broker: with TLS if there is a CA, with a password if there is a user. */
export const securityOf = (env: SecuritySettings) => {
  const { KAFKA_SSL_CA_FILE: caFile, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD_FILE: passwordFile } = env;
  return { caFile, credentials: username === undefined || passwordFile === undefined ? undefined : { username, passwordFile } };
};

export class InvalidEnvironmentError extends Error {
  override readonly name = 'InvalidEnvironmentError';
}

/** Two topics of one name: a record of one kind would be read as one of the other. */
const sameTopics = (given: Record<string, string>): string[] => {
  const topics = Object.entries({ ...TOPICS, ...given }).filter(([setting]) => setting in TOPICS);
  return topics.flatMap(([setting, topicName], at) => {
    const same = topics.slice(0, at).find(([, earlier]) => earlier === topicName);
    return same === undefined ? [] : [`${setting}: must not be ${topicName}, which ${same[0]} is`];
  });
};

/** A user without a password, or the other way about. */
const halfCredentials = (given: Record<string, string>): string[] => ['KAFKA_SASL', 'DLT_SASL', 'SCHEMA_REGISTRY'].flatMap((whose) => {
  const [username, password] = [`${whose}_USERNAME`, `${whose}_PASSWORD_FILE`];
  if (username in given === password in given) return [];
  const [missing, present] = username in given ? [password, username] : [username, password];
  return [`${missing}: must be set too, as ${present} is`];
});

/** SCRAM shows nobody the password, but whoever can listen can guess it at leisure, and read all records. */
const inTheClear = (given: Record<string, string>): string[] => {
  if ('KAFKA_SSL_CA_FILE' in given || given.KAFKA_SASL_PLAINTEXT?.toLowerCase() === 'true') return [];
  return ['KAFKA_SASL_USERNAME', 'DLT_SASL_USERNAME'].filter((setting) => setting in given)
    .map((setting) => `KAFKA_SSL_CA_FILE: must be set too, as ${setting} is; without TLS only if KAFKA_SASL_PLAINTEXT is true`);
};

/**
 * Parses settings; white space around a value does not count, and an empty one counts as unset, so that Compose can pass every variable on.
 * @param shared those of `source` that come from a file which both services read
 * @throws InvalidEnvironmentError one message that names every faulty setting
 */
export const parseSettings = <T extends z.ZodObject>(
  schema: T, source: Record<string, string | undefined>, shared: string[] = [],
): z.output<T> => {
  const given = Object.fromEntries(Object.entries(source)
    .map(([setting, value]) => [setting, value?.trim() ?? ''] as const)
    .filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  const faults = [
    ...(parsed.error?.issues ?? []).map((issue) => `${String(issue.path[0])}: ${issue.message}`),
    ...sameTopics(given),
    ...halfCredentials(given),
    ...inTheClear(given),
    ...faultsOfRegistry(given),
    ...shared.filter((setting) => setting in given)
      .map((setting) => `${setting}: stands in the .env that both services read, and must differ; set it in the .env of each service's directory`),
  ];
  if (parsed.success && faults.length === 0) return parsed.data;
  throw new InvalidEnvironmentError(`Invalid settings: ${faults.join('; ')}`);
};
