import Decoder from 'kafkajs/src/protocol/decoder';
import Encoder from 'kafkajs/src/protocol/encoder';

/** An operation on a topic, by its bit in what a broker says of rights (KIP-430: the code of org.apache.kafka.common.acl.AclOperation). */
const BITS = { Read: 3, Write: 4 };
export type Operation = keyof typeof BITS;

/** What a broker says of a topic: an error, or what whoever asks may do with it. */
export type TopicRights = { topic: string; errorCode: number; may: (operation: Operation) => boolean };
export type Rights = { brokers: string[]; topics: TopicRights[] };

const API_KEY = 3;
const VERSION = 8;

/** Whether a broker of these API versions can tell: since Kafka 2.3. */
export const tellsRights = (versions: Readonly<Record<string, { readonly maxVersion: number }>> | null): boolean =>
  (versions?.[API_KEY]?.maxVersion ?? 0) >= VERSION;

const encode = async (topics: readonly string[]): Promise<Encoder> => new Encoder()
  .writeArray(topics.map((topic) => new Encoder().writeString(topic)))
  // Topics are not made, the cluster's rights not told, the topics' are.
  .writeBoolean(false).writeBoolean(false).writeBoolean(true);

const address = (from: Decoder): string => {
  from.readInt32();
  const [host, port] = [from.readString(), from.readInt32()];
  from.readString();
  return `${host}:${port}`;
};

const skipPartition = (from: Decoder): void => {
  const skipIds = (): unknown => from.readArray(() => from.readInt32());
  from.readInt16();
  for (let skipped = 0; skipped < 3; skipped += 1) from.readInt32();
  for (let skipped = 0; skipped < 3; skipped += 1) skipIds();
};

const topicRights = (from: Decoder): TopicRights => {
  const [errorCode, topic] = [from.readInt16(), from.readString() ?? ''];
  from.readBoolean();
  from.readArray(skipPartition);
  const bits = from.readInt32();
  return { topic, errorCode, may: (operation) => (bits & (1 << BITS[operation])) !== 0 };
};

const decode = async (answer: Buffer): Promise<Rights> => {
  const from = new Decoder(answer);
  from.readInt32();
  const brokers = from.readArray(address);
  from.readString();
  from.readInt32();
  return { brokers, topics: from.readArray(topicRights) };
};

/**
 * Metadata in its version 8, the first that tells what whoever asks may do with a topic; KafkaJS knows it up to 6.
 * https://kafka.apache.org/protocol#The_Messages_Metadata
 */
export const rightsRequest = (topics: readonly string[]) => ({
  request: { apiKey: API_KEY, apiVersion: VERSION, apiName: 'Metadata', encode: () => encode(topics) },
  response: { decode, parse: async (rights: Rights): Promise<Rights> => rights },
});
