declare module 'kafkajs/src/network/requestQueue' {
  class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
  export default RequestQueue;
}

declare module 'kafkajs/src/protocol/encoder' {
  type Bytes = Buffer | string | null | undefined;
  class Encoder {
    static nextPowerOfTwo(value: number): number;
    buf: Buffer;
    offset: number;
    get buffer(): Buffer;
    size(): number;
    ensureAvailable(bytes: number): void;
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeVarInt(value: number): this;
    writeVarLong(value: number): this;
    writeString(value: string | null): this;
    writeBytes(value: Buffer): this;
    writeVarIntBytes(value: Bytes): this;
    writeBuffer(value: Buffer): this;
    writeEncoder(value: Encoder): this;
    writeBoolean(value: boolean): this;
    /** The length as INT32, then one behind the other. */
    writeArray(values: readonly Encoder[]): this;
  }
  export default Encoder;
}

declare module 'kafkajs/src/protocol/decoder' {
  class Decoder {
    constructor(bytes: Buffer);
    readBoolean(): boolean;
    readInt16(): number;
    readInt32(): number;
    readString(): string | null;
    readArray<T>(read: (decoder: Decoder) => T): T[];
    readVarInt(): number;
    /** What is left. */
    readAll(): Buffer;
    /** An array, of which its caller wants no more than to reduce it. */
    readVarIntArray(read: (decoder: Decoder) => unknown): { reduce(add: unknown, first: unknown): unknown };
  }
  export default Decoder;
}

declare module 'kafkajs/src/protocol/recordBatch/v0' {
  import type Encoder from 'kafkajs/src/protocol/encoder';

  /** Whatever is undefined has a default. */
  export function RecordBatch(batch: {
    compression: number | undefined;
    producerId: unknown;
    producerEpoch: number | undefined;
    firstSequence: number | undefined;
    firstTimestamp: number;
    maxTimestamp: number;
    transactional: boolean;
    lastOffsetDelta: number;
    records: readonly Encoder[];
  }): Promise<Encoder>;
}

declare module 'kafkajs/src/protocol/requests/produce' {
  import type { Message } from 'kafkajs';
  import type Encoder from 'kafkajs/src/protocol/encoder';

  export type PartitionData = { partition: number; messages: readonly Message[]; firstSequence?: number };
  export type ProduceData = {
    acks: number;
    timeout: number;
    compression?: number;
    transactionalId?: string | null;
    producerId?: unknown;
    producerEpoch?: number;
    topicData: readonly { topic: string; partitions: readonly PartitionData[] }[];
  };
  type Exchange = { request: { apiVersion: number; encode: () => Promise<Encoder> }; response: unknown };
  const Produce: { protocol: (wanted: { version: number }) => (data: ProduceData) => Exchange };
  export default Produce;
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0/decoder' {
  import type { KafkaMessage } from 'kafkajs';
  import type Decoder from 'kafkajs/src/protocol/decoder';

  const decodeRecord: (record: Decoder, batch: { firstOffset: string; firstTimestamp: string; magicByte: number }) => KafkaMessage;
  export default decodeRecord;
}

declare module 'kafkajs/src/broker/saslAuthenticator/scram512' {
  import type { AuthenticationProviderArgs, Authenticator } from 'kafkajs';

  const scram512: (user: { username: string; password: string }) => (args: AuthenticationProviderArgs) => Authenticator;
  export default scram512;
}
