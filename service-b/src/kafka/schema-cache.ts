import type { Type } from 'avsc';
import type { Logger } from '../utils/logger';
import { createGate, type Gate } from '../utils/gate';
import { pause } from '../utils/when-aborted';
import { decoderOf, ownDecoderOf, schemaIdOf, SchemaNeededError, UndecodableError, type Decode, type RegisteredSchema } from './avro';
import type { RegistryClient } from './registry-client';

/** Lists of a subject begin at least so far apart. */
const LIST_EVERY_MS = 1_000;
const RETRY_MS = { first: 100, most: 1_000 };
/** For so long an id that a list did not have needs no other one; of so many ids at most that is remembered. */
const MISSING = { forMs: 120_000, max: 10_000 };

export type SchemaReader = {
  /** @throws UndecodableError; SchemaNeededError when it is not known yet how to read it */
  decode: Decode;
  /** False while a record waits for a schema that cannot be asked for. */
  readable: () => boolean;
  start: () => void;
  stop: () => void;
};

/**
 * The schemas of one subject, by id: an id never changes its meaning, so what is known stays known. An id that is not known is looked for
 * in the list of the subject. Only a list that was begun after the id was met says that the subject does not have it; all ids that wait
 * are told by the same one, so a thousand records with ids out of nowhere cost a request or two.
 */
export const createSchemaCache = ({ subject, type, registry, logger }: {
  subject: string;
  /** As which values are read, whatever they were written with. */
  type: Type;
  registry: Pick<RegistryClient, 'versionsOf' | 'versionOf'>;
  logger: Logger;
}): SchemaReader => {
  const decoders = new Map<number, Decode>();
  const versions = new Set<number>();
  /** When an id was found missing, the oldest first. */
  const missing = new Map<number, number>();
  const wanted = new Map<number, Gate>();
  const stopped = new AbortController();
  let listing = false;
  let listed = false;
  let listedAt = -Infinity;
  let away = false;

  const isMissing = (id: number): boolean => performance.now() - (missing.get(id) ?? -Infinity) < MISSING.forMs;

  const noteMissing = (id: number): void => {
    missing.delete(id);
    missing.set(id, performance.now());
    if (missing.size > MISSING.max) missing.delete(missing.keys().next().value!);
  };

  const toDecoder = (found: RegisteredSchema): Decode => {
    try {
      return decoderOf(type, found);
    } catch (cause) {
      logger.warn('schema cannot be used, its records are not read', { subject, schemaId: found.id, error: cause });
      return () => {
        throw new UndecodableError(`schema id ${found.id} cannot be read as ${subject}`, { cause });
      };
    }
  };

  const list = async (): Promise<void> => {
    const asked = [...wanted.keys()];
    for (const version of await registry.versionsOf(subject, stopped.signal)) {
      if (versions.has(version)) continue;
      const found = await registry.versionOf(subject, version, stopped.signal);
      if (found !== undefined) {
        decoders.set(found.id, toDecoder(found));
        logger.info('schema learned', { subject, version, schemaId: found.id });
      }
      versions.add(version);
    }
    for (const id of asked) if (!decoders.has(id)) noteMissing(id);
    for (const [id, gate] of wanted) {
      if (!decoders.has(id) && !asked.includes(id)) continue;
      wanted.delete(id);
      gate.open();
    }
  };

  /** Lists at once, and again for as long as that fails or an id is wanted. */
  const look = async (): Promise<void> => {
    if (listing) return;
    listing = true;
    let retryInMs = RETRY_MS.first;
    try {
      while (!listed || wanted.size > 0) {
        await pause(Math.max(0, listedAt + LIST_EVERY_MS - performance.now()), stopped.signal);
        listedAt = performance.now();
        try {
          await list();
          if (away) logger.info('the schema registry answers again', { subject });
          [listed, away, retryInMs] = [true, false, RETRY_MS.first];
        } catch (error) {
          stopped.signal.throwIfAborted();
          away = true;
          logger.warn('the schema registry cannot be asked, trying again', { subject, waiting: wanted.size, error, retryInMs });
          await pause(retryInMs, stopped.signal);
          retryInMs = Math.min(2 * retryInMs, RETRY_MS.most);
        }
      }
    } catch {
      // Stopped: who still waits is ended by the own signal.
    }
    listing = false;
  };

  const load = async (id: number, signal: AbortSignal, alsoIds: number[] = []): Promise<void> => {
    for (const other of alsoIds) {
      if (!decoders.has(other) && !isMissing(other) && !wanted.has(other)) wanted.set(other, createGate());
    }
    let gate = wanted.get(id);
    if (gate === undefined) wanted.set(id, gate = createGate());
    void look();
    try {
      await gate.wait(signal);
    } finally {
      // Nobody waits for it any more.
      if (gate.size() === 0 && wanted.get(id) === gate) wanted.delete(id);
    }
  };

  return {
    decode: (value) => {
      const id = schemaIdOf(value);
      const decoder = decoders.get(id);
      if (decoder !== undefined) return decoder(value);
      if (isMissing(id)) throw new UndecodableError(`schema id ${id} is not one of ${subject}`);
      throw new SchemaNeededError(subject, id, (signal, alsoIds) => load(id, signal, alsoIds));
    },
    readable: () => !away || wanted.size === 0,
    /** Learns what there is before the first record needs it. */
    start: () => void look(),
    stop: () => stopped.abort(new Error('stopped')),
  };
};

/**
 * Without a registry: values are read by the schema that is compiled in, if they fit. One that does not and yet is an event of the topic
 * waits until the service is started with a registry; anything else is none.
 */
export const createOwnReader = ({ subject, type, eventType }: { subject: string; type: Type; eventType: string }): SchemaReader => {
  const decode = ownDecoderOf(type);
  const waiting = createGate();

  return {
    decode: (value) => {
      const id = schemaIdOf(value);
      try {
        return decode(value);
      } catch (error) {
        if (!value.includes(eventType)) throw error;
        throw new SchemaNeededError(subject, id, waiting.wait);
      }
    },
    readable: () => waiting.size() === 0,
    start: () => undefined,
    stop: () => undefined,
  };
};
