import { createServer } from 'node:http';
import { z } from 'zod';
import { createApp } from './app';
import { createBooks, readEntries } from './books';
import { createCharging } from './charge';
import { createFaults, faultsSchema } from './faults';
import { openJournal } from './journal';

const rate = z.coerce.number().min(0).max(1);
const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('must be JSON');
    return z.NEVER;
  }
});

/** Settings; an empty value counts as unset. */
const envSchema = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3003),
  /** File of the ledger, a JSON object a line. */
  PROVIDER_LEDGER: z.string().default('.local/provider/ledger.jsonl'),
  /** As of the simulated gateway, and with the same effect. */
  PAYMENT_SUCCESS_RATE: rate.default(0.8),
  PAYMENT_TRANSIENT_RATE: rate.default(0.02),
  /** `{"hangAfter":0.1}`: see faults.ts. */
  PROVIDER_FAULTS: json.pipe(faultsSchema).default(faultsSchema.parse({})),
});

const log = (message: string, fields: Record<string, unknown> = {}): void =>
  void process.stdout.write(`${JSON.stringify({ timestamp: new Date().toISOString(), level: 'info', service: 'provider', message, ...fields })}\n`);

const start = async (): Promise<void> => {
  const env = envSchema.parse(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim() !== '')));
  const journal = await openJournal(env.PROVIDER_LEDGER);
  const faults = createFaults(env.PROVIDER_FAULTS);
  const charging = createCharging({
    append: journal.append,
    books: createBooks(readEntries(journal.entries)),
    faults,
    rates: { successRate: env.PAYMENT_SUCCESS_RATE, transientRate: env.PAYMENT_TRANSIENT_RATE },
  });
  const server = createServer(createApp({ charging, faults }));

  const stop = async (signal: string): Promise<void> => {
    log('shutting down', { signal });
    server.close();
    server.closeIdleConnections();
    await charging.drained(3_000);
    // Answers of what was just booked still have to be written.
    await new Promise((resolve) => setImmediate(resolve));
    server.closeAllConnections();
    await journal.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

  server.listen(env.PORT, env.HOST, () => log('listening', { host: env.HOST, port: env.PORT, entries: journal.entries.length }));
};

start().catch((error: unknown) => {
  const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
  process.stderr.write(`the provider cannot start: ${reason}\n`);
  process.exit(1);
});
