import dotenv from 'dotenv';
import { z } from 'zod';

const integer = (minimum: number) => z.coerce.number().int().min(minimum);
const rate = z.coerce.number().min(0).max(1);
const brokerAddress = z.string().regex(/^[^\s:,]+:\d{1,5}$/, 'must be host:port');
const list = (value: string): string[] => value.split(',').map((part) => part.trim()).filter((part) => part !== '');

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
const gatewayUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).refine(canDecode, 'has credentials that are not percent-encoded');

/** Every setting of the service with its default; `.env.example` documents them and is tested against this schema. */
export const envSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0).max(65_535).default(3002),
  LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
  LOG_TRAIL_PER_SECOND: integer(0).default(20),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  CORS_ORIGINS: z.string().default('*').transform(list),
  KAFKA_BROKERS: z.string().default('127.0.0.1:29092').transform(list).pipe(z.array(brokerAddress).min(1)),
  KAFKA_CLIENT_ID: z.string().default('service-b'),
  KAFKA_GROUP_ID: z.string().default('service-b-consumers'),
  ORDERS_TOPIC: z.string().default('orders'),
  PAYMENTS_TOPIC: z.string().default('payments'),
  DLT_TOPIC: z.string().default('orders.DLT'),
  PAYMENT_GATEWAY_URL: gatewayUrl.optional(),
  PAYMENT_TIMEOUT_MS: integer(1).max(60_000).default(10_000),
  PAYMENT_CONCURRENCY: integer(1).max(10_000).default(256),
  PAYMENT_SUCCESS_RATE: rate.default(0.8),
  PAYMENT_TRANSIENT_RATE: rate.default(0.02),
  PAYMENT_LATENCY_MS: integer(0).max(60_000).default(0),
  PAYMENT_MAX_RETRIES: integer(0).max(20).default(3),
  PAYMENT_RETRY_BASE_MS: integer(1).max(60_000).default(100),
  REDRIVE_MAX: integer(0).max(1_000_000).default(3),
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
