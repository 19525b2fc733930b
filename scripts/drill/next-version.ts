import { Type } from 'avsc';
import { framed, schemaOf, textOfValue } from '../lib/avro-values';
import { registerVersion } from '../lib/registry';
import type { Order } from './load';
import type { Stage } from './stage';

type Field = { name: string; type: unknown; default?: unknown };
type RecordSchema = { fields: Field[] };

/** The schema of a version with a field more, or less, in its `data`. */
export const withData = (text: string, change: (fields: Field[]) => void): string => {
  const schema = JSON.parse(text) as RecordSchema;
  change((schema.fields.find(({ name }) => name === 'data')!.type as RecordSchema).fields);
  return JSON.stringify(schema);
};

/** The one field that the next version has more, as docs/evolution.md adds it. */
export const withNote = (text: string): string =>
  withData(text, (fields) => fields.push({ name: 'note', type: ['null', 'string'], default: null }));

/** What the registry has as the last version of a subject. */
export const latestOf = async (url: string, subject: string): Promise<{ id: number; schema: string }> =>
  await (await fetch(`${url}/subjects/${subject}/versions/latest`)).json() as { id: number; schema: string };

export const orderEvent = (order: Order, eventId: string, note?: string | null) => ({
  eventType: 'ORDER_CREATED', eventId, timestamp: new Date().toISOString(), data: { ...order, ...(note !== undefined && { note }) },
});

/** Registers the next version of a topic's values. @returns its id, and its type to read and write with */
export const registerNext = async (url: string, topic: string): Promise<{ id: number; type: Type }> => {
  const subject = `${topic}-value`;
  await registerVersion(url, subject, withNote((await latestOf(url, subject)).schema));
  const { id, schema } = await latestOf(url, subject);
  return { id, type: schemaOf(schema) };
};

/** A producer of the next version, apart from the services: avsc and Kafka's protocol. */
export const createNextProducer = async ({ kafka, topics, random }: Stage, { id, type }: { id: number; type: Type }) => {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  return {
    send: async (order: Order, note: string | null): Promise<void> => {
      const value = framed(id, type.toBuffer(orderEvent(order, random.uuid(), note)));
      await producer.send({ topic: topics.orders, messages: [{ key: order.orderId, value }] });
    },
    close: (): Promise<void> => producer.disconnect(),
  };
};

/**
 * A consumer of the next version, apart from the services: reads the topics from the beginning while they are written.
 * @param types the next version of each topic by its name
 */
export const createNextConsumer = async ({ kafka, groups, schemas }: Stage, types: Record<string, Type>) => {
  const known = await schemas();
  /** By topic: what the values say of the new field. */
  const notes = new Map(Object.keys(types).map((topic) => [topic, [] as unknown[]]));
  const faults: string[] = [];
  const consumer = kafka.consumer({ groupId: `${groups.b}.next` });
  await consumer.connect();
  await consumer.subscribe({ topics: Object.keys(types), fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message: { offset, value } }) => {
      try {
        const writer = known.get(value!.readInt32BE(1))!;
        const event = types[topic]!.fromBuffer(value!.subarray(5), types[topic]!.createResolver(writer)) as { data: { note: unknown } };
        notes.get(topic)!.push(event.data.note);
        const { note: _note, ...old } = event.data;
        const written = JSON.parse(textOfValue(value, known)) as { data: Record<string, unknown> };
        const { note: _written, ...asWritten } = written.data;
        if (JSON.stringify(old) !== JSON.stringify(asWritten)) faults.push(`${topic} ${partition}/${offset} reads otherwise`);
      } catch (error) {
        faults.push(`${topic} ${partition}/${offset} cannot be read: ${(error as Error).message}`);
      }
    },
  });
  return { notes, faults, close: (): Promise<void> => consumer.disconnect() };
};
