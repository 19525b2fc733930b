import type { KafkaMessage } from 'kafkajs';
import { schemaIdsOf, type SchemaNeededError } from './avro';

const BEAT_MS = 500;

/**
 * Waits until a schema is known, and tells the broker of life meanwhile. Ends without it when it `isOver`, which is asked with each beat:
 * nobody reads on here then. Records to come are looked at too: one by one, a thousand ids out of nowhere would take a list each.
 */
export const untilKnown = async (
  { load }: SchemaNeededError, toCome: readonly KafkaMessage[], isOver: () => boolean, heartbeat: () => Promise<void>,
): Promise<void> => {
  const over = new AbortController();
  const beat = (): void => {
    if (isOver()) over.abort();
    // Whether the place in the group is lost, the reader hears itself, as soon as it goes on.
    else heartbeat().catch(() => undefined);
  };
  const timer = setInterval(beat, BEAT_MS);
  try {
    await load(over.signal, schemaIdsOf(toCome));
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    clearInterval(timer);
  }
};
