import dotenv from 'dotenv';
import { z } from 'zod';
import { commonSettings, groupId, integer, name, parseSettings } from './settings';

/** What is wrong with it is not said in detail: it may hold a password. */
const databaseUrl = z.string().refine(
  (text) => /^postgres(ql)?:\/\//i.test(text) && URL.canParse(text), 'must be an address such as postgres://user:password@host:5432/database',
);

export { registryOf } from './registry';
export { InvalidEnvironmentError, securityOf, tracesUrlOf } from './settings';

/** Every setting of the service with its default; `.env.example` documents them and is tested against this schema. */
export const envSchema = z.object({
  ...commonSettings,
  PORT: integer(0, 65_535).default(3001),
  KAFKA_CLIENT_ID: name.default('service-a'),
  KAFKA_GROUP_ID: groupId('service-b-consumers').default('service-a-consumers'),
  BODY_LIMIT_BYTES: integer(1_024, 524_288).default(262_144),
  API_TOKENS_FILE: z.string().optional(),
  RATE_LIMIT_PER_MINUTE: integer(1, 10_000_000).optional(),
  ORDERS_MAX: integer(1, 10_000_000).default(100_000),
  ORDERS_MAX_BYTES: integer(16_777_216, 8_589_934_592).default(536_870_912),
  DATABASE_URL: databaseUrl.optional(),
  ORDERS_KEEP_DAYS: integer(1, 36_500).optional(),
  PUBLISH_TIMEOUT_MS: integer(100, 60_000).default(5_000),
  PUBLISH_QUEUE_MAX: integer(1, 1_000_000).default(10_000),
  PUBLISH_QUEUE_MAX_BYTES: integer(1_048_576, 2_147_483_647).default(67_108_864),
});

export type Env = z.output<typeof envSchema>;

/** As of `parseSettings`. */
export const parseEnv = (source: Record<string, string | undefined>, shared?: string[]): Env => parseSettings(envSchema, source, shared);

/** Reads `.env` of the service, that of the repository root, and the process environment, which wins over both. */
export const loadEnv = (): Env => {
  dotenv.config({ path: '.env', quiet: true });
  const own = new Set(Object.keys(process.env));
  const { parsed: root = {} } = dotenv.config({ path: '../.env', quiet: true });
  return parseEnv(process.env, ['PORT', 'KAFKA_GROUP_ID'].filter((setting) => setting in root && !own.has(setting)));
};
