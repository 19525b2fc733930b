import dotenv from 'dotenv';
import { z } from 'zod';
import { commonSettings, groupId, integer, name, parseSettings, share } from './settings';

export { InvalidEnvironmentError, tracesUrlOf } from './settings';

/** Every setting of the service with its default; `.env.example` documents them and is tested against this schema. */
export const envSchema = z.object({
  ...commonSettings,
  PORT: integer(0, 65_535).default(3002),
  KAFKA_CLIENT_ID: name.default('service-b'),
  KAFKA_GROUP_ID: groupId('service-a-consumers').default('service-b-consumers'),
  PAYMENT_SUCCESS_RATE: share.default(0.8),
  PAYMENT_TRANSIENT_RATE: share.default(0.02),
  PAYMENT_LATENCY_MS: integer(0, 60_000).default(0),
  PAYMENT_MAX_RETRIES: integer(0, 20).default(3),
  PAYMENT_RETRY_BASE_MS: integer(1, 60_000).default(100),
  PAYMENT_CONCURRENCY: integer(1, 10_000).default(256),
  REDRIVE_MAX: integer(0, 1_000_000).default(3),
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
