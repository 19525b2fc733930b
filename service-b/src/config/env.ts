import dotenv from 'dotenv';
import { z } from 'zod';
import { choice, commonSettings, groupId, integer, name, parseSettings, securityOf, share } from './settings';

export { registryOf } from './registry';
export { InvalidEnvironmentError, securityOf, tracesUrlOf } from './settings';

/** Basic authentication of an address is sent as it reads decoded. */
const canDecode = (url: string): boolean => {
  try {
    const { username, password } = new URL(url);
    decodeURIComponent(`${username}${password}`);
    return true;
  } catch {
    return false;
  }
};

/** Those at which `fetch` asks nobody, since other protocols live there (https://fetch.spec.whatwg.org/#port-blocking); and 0. */
const BLOCKED_PORTS = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117,
  119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
  989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const isPortAsked = (url: string): boolean => {
  const port = URL.canParse(url) ? new URL(url).port : '';
  return port === '' || !BLOCKED_PORTS.has(Number(port));
};

const gatewayUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine(canDecode, 'has credentials that are not percent-encoded')
  .refine(isPortAsked, 'has a port that HTTP clients refuse to ask: take another one');

/** Where a browser is sent. */
const webAddress = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** Every setting of the service with its default; `.env.example` documents them and is tested against this schema. */
export const envSchema = z.object({
  ...commonSettings,
  PORT: integer(0, 65_535).default(3002),
  KAFKA_CLIENT_ID: name.default('service-b'),
  KAFKA_GROUP_ID: groupId('service-a-consumers').default('service-b-consumers'),
  PAYMENT_GATEWAY_URL: gatewayUrl.optional(),
  PAYMENT_TIMEOUT_MS: integer(1, 60_000).default(10_000),
  PAYMENT_CONCURRENCY: integer(1, 10_000).default(256),
  PAYMENT_SUCCESS_RATE: share.default(0.8),
  PAYMENT_TRANSIENT_RATE: share.default(0.02),
  PAYMENT_LATENCY_MS: integer(0, 60_000).default(0),
  PAYMENT_MAX_RETRIES: integer(0, 20).default(3),
  PAYMENT_RETRY_BASE_MS: integer(1, 60_000).default(100),
  // Not looked at here: the service itself need not be able to read it.
  DLT_SASL_USERNAME: name.optional(),
  DLT_SASL_PASSWORD_FILE: z.string().optional(),
  REDRIVE_MAX: integer(0, 1_000_000).default(3),
  OPERATOR_PAGE: choice('on', 'off').transform((word) => word === 'on').default(false),
  DEAD_LETTERS_MAX_BYTES: integer(1_048_576, 2_147_483_647).default(50_331_648),
  API_TOKENS_FILE: z.string().optional(),
  BOARD_URL: webAddress.optional(),
  TRACES_PAGE_URL: webAddress.optional(),
});

export type Env = z.output<typeof envSchema>;

/** As of `parseSettings`. */
export const parseEnv = (source: Record<string, string | undefined>, shared?: string[]): Env => parseSettings(envSchema, source, shared);

/** The command for dead letters comes in as a user of its own, if there is one. */
export const dltSecurityOf = (env: Env) => {
  const { DLT_SASL_USERNAME: username, DLT_SASL_PASSWORD_FILE: passwordFile } = env;
  return securityOf(username === undefined ? env : { ...env, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD_FILE: passwordFile });
};

/** Reads `.env` of the service, that of the repository root, and the process environment, which wins over both. */
export const loadEnv = (): Env => {
  dotenv.config({ path: '.env', quiet: true });
  const own = new Set(Object.keys(process.env));
  const { parsed: root = {} } = dotenv.config({ path: '../.env', quiet: true });
  return parseEnv(process.env, ['PORT', 'KAFKA_GROUP_ID'].filter((setting) => setting in root && !own.has(setting)));
};
