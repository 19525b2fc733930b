import { isAvro, SchemaNeededError } from '../kafka/avro';
import type { Codec } from '../kafka/codec';
import { originalOf, readDeadLetter, UnreadableDeadLetterError, type DeadLetter } from '../kafka/dead-letter';

const PATIENCE_MS = 5_000;

/** An original that is Avro, as an event, or why it cannot be shown as one; neither for any other. */
export type Decoded = { decoded?: unknown; notDecoded?: string };

export type DecodeOriginal = (letter: DeadLetter) => Promise<Decoded>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Asks the registry, if there is one, and waits a little for its answer. */
export const createDecodeOriginal = ({ codec, hasRegistry, signal }: {
  codec: Pick<Codec, 'readOrder'>;
  hasRegistry: boolean;
  signal: AbortSignal;
}): DecodeOriginal => async (letter) => {
  const value = letter.originalValueEncoding === 'base64' ? originalOf(letter).value : null;
  if (value === null || !isAvro(value)) return {};
  try {
    return { decoded: codec.readOrder(value) };
  } catch (error) {
    if (!(error instanceof SchemaNeededError)) return { notDecoded: messageOf(error) };
    if (!hasRegistry) return { notDecoded: 'SCHEMA_REGISTRY_URL is not set' };
    try {
      await error.load(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
      return { decoded: codec.readOrder(value) };
    } catch (cause) {
      signal.throwIfAborted();
      return { notDecoded: cause instanceof DOMException ? 'the schema registry did not answer' : messageOf(cause) };
    }
  }
};

/** The same of a record of `orders.DLT`, be it a dead letter or not. */
export const decodedIn = async (value: Buffer | null, decode: DecodeOriginal): Promise<Decoded> => {
  try {
    return await decode(readDeadLetter(value));
  } catch (error) {
    if (error instanceof UnreadableDeadLetterError) return {};
    throw error;
  }
};
