import type { Of } from './asked';
import type { Actor } from './timers';
import type { Request } from './wire';

type Produce = { topicData: Of<{ messages: { key: Buffer | string | null; value: Buffer | string | null }[] }> };
type Produced = { topics: { topicName: string; partitions: { partition: number; errorCode: number; baseOffset: string }[] }[] };
/** What a process has sent and was told. */
type Told = { acknowledged: Set<string>; answered: Set<string>; inFlight: Map<string, number> };

export type Sends = ReturnType<typeof createSends>;

/**
 * Watches what each process sends to the brokers. A record that was acknowledged to it never goes again; and while connections last, each
 * broker has one request of a topic at a time.
 */
export const createSends = ({ connectionsLast, onViolation }: { connectionsLast: () => boolean; onViolation: (what: string) => void }) => {
  const processes = new WeakMap<Actor, Told>();
  const left = new Set<string>();

  const toldTo = (actor: Actor): Told => {
    let told = processes.get(actor);
    if (told === undefined) processes.set(actor, told = { acknowledged: new Set(), answered: new Set(), inFlight: new Map() });
    return told;
  };
  // A value is sent by one process alone: it holds an id or a time of its own.
  const of = (fields: unknown) => (fields as Produce).topicData.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, messages }) => ({
      topic, partition, keys: messages.map(({ key }) => String(key)), ids: messages.map(({ value }) => `${topic} ${String(value)}`),
    })));

  return {
    /** A request leaves the process. */
    onRequest: (actor: Actor, nodeId: number, { api, fields }: Request): void => {
      if (api !== 'Produce') return;
      const { acknowledged, answered, inFlight } = toldTo(actor);
      const parts = of(fields);
      for (const { topic, partition, keys, ids } of parts) {
        for (const key of keys) left.add(key);
        if (ids.some((id) => acknowledged.has(id))) onViolation(`${actor.name} sent to ${topic}/${partition} again what was acknowledged`);
      }
      const { topic } = parts[0]!;
      const lane = `${topic} at ${nodeId}`;
      const before = inFlight.get(lane) ?? 0;
      // A lone record learns where the partitions are, beside the first ones that know.
      if (!answered.has(topic)) return;
      inFlight.set(lane, before + 1);
      if (before > 0 && connectionsLast()) onViolation(`${actor.name} has ${before + 1} requests of ${lane} at once`);
    },
    /** An answer reaches the process. */
    onAnswer: (actor: Actor, nodeId: number, { api, fields }: Request, answer: object): void => {
      if (api !== 'Produce') return;
      const { acknowledged, answered, inFlight } = toldTo(actor);
      const { topics } = answer as Produced;
      for (const { topic, partition, ids } of of(fields)) {
        inFlight.set(`${topic} at ${nodeId}`, 0);
        answered.add(topic);
        const told = topics.find(({ topicName }) => topicName === topic)?.partitions.find((one) => one.partition === partition);
        if (told?.errorCode === 0 && Number(told.baseOffset) >= 0) for (const id of ids) acknowledged.add(id);
      }
    },
    /** Whether any broker may ever get a record of this key. */
    hasLeft: (key: string): boolean => left.has(key),
  };
};
