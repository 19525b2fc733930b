import type { Of } from './asked';
import { CODE } from './partition';
import type { Actor } from './timers';
import type { Request } from './wire';

type Message = { key: unknown; value: unknown };
type Sent = { topicData: Of<{ messages: Message[] }> };
type Told = { topics: { topicName: string; partitions: { partition: number; errorCode: number; baseOffset: string }[] }[] };

/** What a leader answers before it appends anything. */
const NOT_APPENDED = new Set<number>([CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.NOT_ENOUGH_REPLICAS]);

export type Ledger = ReturnType<typeof createLedger>;

/**
 * What the processes have asked brokers to append, and what they were told of it: a record with an offset may not be sent again by the
 * process that knows it, and a key that no broker can hold is free. Two records of a process never have the same bytes.
 */
export const createLedger = (violation: (what: string) => void) => {
  const acknowledged = new Map<Actor, Set<string>>();
  /** Keys by how many requests with them may have been carried out. */
  const perhaps = new Map<string, number>();
  const note = (key: unknown, by: number): void => void perhaps.set(String(key), (perhaps.get(String(key)) ?? 0) + by);

  const eachRecord = (fields: unknown, hear: (where: string, message: Message) => void): void => {
    for (const { topic, partitions } of (fields as Sent).topicData) {
      for (const { partition, messages } of partitions) for (const message of messages) hear(`${topic}/${partition}`, message);
    }
  };
  const textOf = (where: string, { key, value }: Message): string => `${where} ${String(key)} ${String(value)}`;

  return {
    /** A process writes a request to a connection. */
    sent: (actor: Actor, { api, fields }: Request): void => {
      if (api !== 'Produce') return;
      const known = acknowledged.get(actor);
      eachRecord(fields, (where, message) => {
        note(message.key, 1);
        if (known?.has(textOf(where, message)) === true) violation(`${actor.name} sent a record of ${where} again that was acknowledged`);
      });
    },
    /** It is given the answer. */
    answered: (actor: Actor, { api, fields }: Request, answer: unknown): void => {
      if (api !== 'Produce') return;
      const known = acknowledged.get(actor) ?? new Set();
      acknowledged.set(actor, known);
      const told = new Map((answer as Told).topics.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partition, errorCode, baseOffset }) => [`${topicName}/${partition}`, { errorCode, baseOffset }])));
      eachRecord(fields, (where, message) => {
        const { errorCode, baseOffset } = told.get(where)!;
        if (errorCode === CODE.NONE && baseOffset !== '-1') known.add(textOf(where, message));
        if (NOT_APPENDED.has(errorCode)) note(message.key, -1);
      });
    },
    /** Whether a broker may hold a record of this key, as far as the processes can know. */
    mayHold: (key: string): boolean => (perhaps.get(key) ?? 0) > 0,
  };
};
