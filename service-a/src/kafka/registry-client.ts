import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { z } from 'zod';
import type { RegisteredSchema } from './avro';
import { readCa, readPassword, type Security } from './security';

/** For all of an answer. */
const TIMEOUT_MS = 3_000;
const MAX_BODY_BYTES = 1_048_576;
/** What the registry does not have; any other answer but 200 says nothing about it. */
const MISSING = { subject: 40_401, version: 40_402, schema: 40_403 };

/** The registry did not answer, or not as a registry does: what it holds is not known. */
export class RegistryAwayError extends Error {
  override readonly name = 'RegistryAwayError';
}

/** Where the registry is, and how to come in; files are read anew at each request. */
export type RegistryAddress = { url: string } & Security;

const faultSchema = z.object({ error_code: z.int() });
const idSchema = z.object({ id: z.int() });
const versionsSchema = z.array(z.int());
const versionSchema = z.object({ id: z.int(), schema: z.string(), schemaType: z.string().optional() });

type Ask = { method: 'GET' | 'POST'; path: string; body?: string };

const textOf = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('an answer above 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export type RegistryClient = ReturnType<typeof createRegistryClient>;

/**
 * Asks a schema registry by Confluent's API. Requests are few, so each has a connection of its own; redirects are not followed, and every
 * answer is bounded in bytes and time.
 */
export const createRegistryClient = ({ url, caFile, credentials }: RegistryAddress) => {
  const base = url.replace(/\/+$/, '');
  const send = /^https:/i.test(base) ? requestTls : requestPlain;

  const headersOf = (body: string | undefined): Record<string, string> => ({
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
    ...(body !== undefined && { 'content-type': 'application/vnd.schemaregistry.v1+json', 'content-length': String(Buffer.byteLength(body)) }),
    ...(credentials && {
      authorization: `Basic ${Buffer.from(`${credentials.username}:${readPassword(credentials.passwordFile)}`).toString('base64')}`,
    }),
  });

  const exchange = async ({ method, path, body }: Ask, signal: AbortSignal): Promise<{ status: number; text: string }> => {
    const options = { method, headers: headersOf(body), agent: false, signal, ...(caFile !== undefined && { ca: readCa(caFile) }) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      send(`${base}${path}`, options, resolve).on('error', reject).end(body);
    });
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  };

  /**
   * @param missing the code by which the registry says that it has no such thing: undefined then
   * @throws RegistryAwayError; the reason of `signal`, if it aborts first
   */
  const ask = async <T>(what: Ask, answer: z.ZodType<T>, missing: number[], signal: AbortSignal): Promise<T | undefined> => {
    try {
      const { status, text } = await exchange(what, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
      if (status === 200) return answer.parse(JSON.parse(text));
      if (status === 404 && missing.includes(faultSchema.parse(JSON.parse(text)).error_code)) return undefined;
      throw new Error(`it answered ${status}`);
    } catch (cause) {
      signal.throwIfAborted();
      throw new RegistryAwayError(`${what.method} ${what.path}: ${reasonOf(cause)}`, { cause });
    }
  };

  const at = (subject: string): string => `/subjects/${encodeURIComponent(subject)}`;

  return {
    /** The id of a schema under a subject; undefined while it is not registered there. */
    idOf: async (subject: string, schema: string, signal: AbortSignal): Promise<number | undefined> => {
      const body = JSON.stringify({ schema });
      // The first is how all understand it; Apicurio compares texts, unless it is asked to look at what they mean.
      for (const path of [at(subject), `${at(subject)}?normalize=true`]) {
        const found = await ask({ method: 'POST', path, body }, idSchema, [MISSING.subject, MISSING.schema], signal);
        if (found !== undefined) return found.id;
      }
      return undefined;
    },
    /** The versions of a subject, deleted ones too: records may have been written with them. */
    versionsOf: async (subject: string, signal: AbortSignal): Promise<number[]> =>
      await ask({ method: 'GET', path: `${at(subject)}/versions?deleted=true` }, versionsSchema, [MISSING.subject], signal) ?? [],
    /** One of them; undefined when it was removed for good meanwhile. */
    versionOf: async (subject: string, version: number, signal: AbortSignal): Promise<RegisteredSchema | undefined> =>
      ask({ method: 'GET', path: `${at(subject)}/versions/${version}?deleted=true` }, versionSchema, [MISSING.subject, MISSING.version], signal),
  };
};
