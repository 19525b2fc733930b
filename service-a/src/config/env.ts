import dotenv from 'dotenv';
import { z } from 'zod';

const integer = (minimum: number) => z.coerce.number().int().min(minimum);
const brokerAddress = z.string().regex(/^[^\s:,]+:\d{1,5}$/, 'must be host:port');
const list = (value: string): string[] => value.split(',').map((part) => part.trim()).filter((part) => part !== '');

/** Every setting of the service with its default; `.env.example` documents them and is tested against this schema. */
export const envSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0).max(65_535).default(3001),
  LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
  LOG_TRAIL_PER_SECOND: integer(0).default(20),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  CORS_ORIGINS: z.string().default('*').transform(list),
  BODY_LIMIT_BYTES: integer(1_024).max(524_288).default(262_144),
  KAFKA_BROKERS: z.string().default('127.0.0.1:29092').transform(list).pipe(z.array(brokerAddress).min(1)),
  KAFKA_CLIENT_ID: z.string().default('service-a'),
  KAFKA_GROUP_ID: z.string().default('service-a-consumers'),
  ORDERS_TOPIC: z.string().default('orders'),
  PAYMENTS_TOPIC: z.string().default('payments'),
  DLT_TOPIC: z.string().default('orders.DLT'),
  ORDERS_MAX: integer(1).default(1_000_000),
  ORDERS_MAX_BYTES: integer(16_777_216).max(8_589_934_592).default(1_073_741_824),
  PUBLISH_TIMEOUT_MS: integer(100).max(60_000).default(5_000),
  PUBLISH_QUEUE_MAX: integer(1).default(10_000),
  PUBLISH_QUEUE_MAX_BYTES: integer(1_048_576).default(67_108_864),
});

export type Env = z.output<typeof envSchema>;

export class InvalidEnvironmentError extends Error {
  override readonly name = 'InvalidEnvironmentError';
}

/**
 * Parses settings; an empty value counts as unset, so that Compose can pass every variable through.
 * @throws InvalidEnvironmentError one message that names every faulty setting
 */
export const parseEnv = (source: Record<string, string | undefined>): Env => {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const parsed = envSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`);
  throw new InvalidEnvironmentError(`Invalid settings: ${faults.join('; ')}`);
};

/** Reads `.env` (of the service or of the repository root) and the process environment, which wins. */
export const loadEnv = (): Env => {
  dotenv.config({ path: ['.env', '../.env'], quiet: true });
  return parseEnv(process.env);
};
