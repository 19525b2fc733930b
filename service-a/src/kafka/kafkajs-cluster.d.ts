// What the patches, and who asks brokers without KafkaJS's clients, touch of KafkaJS 2.2.4, and no more.
declare module 'kafkajs/src/network/connection' {
  type InFlight = { readonly sentAt: number | null; readonly entry: { readonly apiKey: number } };
  class Connection {
    readonly requestQueue: { readonly inflight: ReadonlyMap<number, InFlight> };
    readonly host: string;
    readonly port: number;
    readonly socket?: { readonly destroyed: boolean; destroy(): void };
    chunks: Buffer[];
    bytesBuffered: number;
    bytesNeeded: number;
    isConnected(): boolean;
    connect(): Promise<unknown>;
    authenticate(): Promise<void>;
    disconnect(): Promise<boolean>;
    rejectRequests(error: Error): void;
  }
  export default Connection;
}

declare module 'kafkajs/src/network/connectionPool' {
  import type { ISocketFactory, Mechanism } from 'kafkajs';
  import type Connection from 'kafkajs/src/network/connection';
  type ProtocolRequest = { request: { apiKey: number }; requestTimeout?: number | null };
  type Log = { namespace(): Log; debug(): void; info(): void; warn(): void; error(): void };
  class ConnectionPool {
    constructor(options: {
      host: string; port: number; clientId: string; socketFactory: ISocketFactory; ssl: boolean; sasl?: Mechanism;
      connectionTimeout: number; requestTimeout: number; logger: Log;
    });
    readonly host: string;
    readonly port: number;
    readonly pool: readonly Connection[];
    send(protocolRequest: ProtocolRequest): Promise<unknown>;
  }
  export default ConnectionPool;
}

declare module 'kafkajs/src/broker' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool';
  import type { Log } from 'kafkajs/src/network/connectionPool';
  type Request = { topicData: { partitions: { messages: object[] }[] }[] };
  type Fetch = {
    maxWaitTime: number; minBytes: number; maxBytes: number; isolationLevel: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
  };
  type FetchedRecord = {
    readonly offset: string;
    isControlRecord: boolean;
    readonly batchContext: { producerId: string; inTransaction: boolean };
  };
  /** Of a partition, for KafkaJS's `Batch`. */
  export type Fetched = {
    readonly partition: number;
    readonly highWatermark: string;
    readonly messages: readonly FetchedRecord[];
    abortedTransactions: readonly { producerId: string; firstOffset: string }[] | null;
  };
  class Broker {
    constructor(options: { connectionPool: ConnectionPool; logger: Log });
    readonly connectionPool: ConnectionPool;
    /** By API key; null before it is connected. */
    readonly versions: Readonly<Record<string, { readonly maxVersion: number }>> | null;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    isConnected(): boolean;
    fetch(request: Fetch): Promise<{ responses: { topicName: string; partitions: Fetched[] }[] }>;
    findGroupCoordinator(wanted: { groupId: string }): Promise<unknown>;
    heartbeat(of: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
    produce(request: Request): Promise<unknown>;
  }
  export default Broker;
}

declare module 'kafkajs/src/cluster' {
  class Cluster {
    isolationLevel?: number;
    fetchTopicsOffset(topics: unknown): Promise<unknown>;
  }
  export default Cluster;
}

declare module 'kafkajs/src/cluster/brokerPool' {
  import type ConnectionPool from 'kafkajs/src/network/connectionPool';
  export type InternalBroker = { readonly connectionPool: ConnectionPool; isConnected(): boolean; disconnect(): Promise<void> };
  type WithBroker = (found: { nodeId: string; broker: InternalBroker }) => Promise<unknown>;
  class BrokerPool {
    readonly brokers: Readonly<Record<string, InternalBroker>>;
    readonly seedBroker: InternalBroker | undefined;
    createSeedBroker(): Promise<void>;
    metadataExpireAt: number | null;
    removeBroker(address: { host: string; port: number }): void;
    connect(): Promise<void>;
    findConnectedBroker(): Promise<InternalBroker | undefined>;
    findBroker(wanted: { nodeId: string }): Promise<InternalBroker>;
    withBroker(callback: WithBroker): Promise<unknown>;
  }
  export default BrokerPool;
}

declare module 'kafkajs/src/consumer/offsetManager' {
  import type { InternalBroker } from 'kafkajs/src/cluster/brokerPool';
  export type InternalCluster = {
    refreshMetadata(): Promise<void>;
    disconnect(): Promise<void>;
    findGroupCoordinator(wanted: { groupId: string }): Promise<InternalBroker>;
  };
  class OffsetManager {
    readonly groupId: string;
    readonly generationId: number;
    readonly cluster: InternalCluster;
    coordinator: InternalBroker;
    getCoordinator(): Promise<InternalBroker>;
    commitOffsets(offsets: unknown): Promise<void>;
    setDefaultOffset(of: { topic: string; partition: number }): Promise<void>;
  }
  export default OffsetManager;
}

declare module 'kafkajs/src/consumer/consumerGroup' {
  import type { InternalBroker } from 'kafkajs/src/cluster/brokerPool';
  import type OffsetManager from 'kafkajs/src/consumer/offsetManager';
  import type { InternalCluster } from 'kafkajs/src/consumer/offsetManager';
  class ConsumerGroup {
    constructor(options: object);
    readonly groupId: string;
    readonly cluster: InternalCluster;
    readonly offsetManager: OffsetManager | null;
    coordinator: InternalBroker | null;
    readonly memberId: string | null;
    readonly generationId: number | null;
    /** By the clock, in milliseconds since 1970. */
    lastRequest: number;
    leave(): Promise<void>;
    joinAndSync(): Promise<void>;
    heartbeat(options: { interval: number }): Promise<void>;
    fetch(nodeId: string): Promise<{ topic: string; partition: number }[]>;
    recoverFromFetch(error: Error): Promise<void>;
  }
  export default ConsumerGroup;
}

declare module 'kafkajs/src/consumer/runner' {
  import type ConsumerGroup from 'kafkajs/src/consumer/consumerGroup';
  class Runner {
    running: boolean;
    consuming: boolean;
    readonly consumerGroup: ConsumerGroup;
    readonly fetchManager: { stop(): Promise<void> };
    fetch(nodeId: string): Promise<object[]>;
    stop(): Promise<void>;
    scheduleFetchManager(): void;
    handleBatch(batch: object): Promise<void>;
  }
  export default Runner;
}

declare module 'kafkajs/src/errors' {
  import { KafkaJSError } from 'kafkajs';
  export class KafkaJSOffsetOutOfRange extends KafkaJSError {
    constructor(error: Error, where: { topic: string; partition: number });
  }
  export class KafkaJSBrokerNotFound extends KafkaJSError {}
  export class KafkaJSSASLAuthenticationError extends KafkaJSError {
    constructor(message: string);
  }
  export class KafkaJSConnectionClosedError extends KafkaJSError {
    constructor(message: string, broker: { host: string; port: number });
  }
}

declare module 'kafkajs/src/protocol/error' {
  export const createErrorFromCode: (code: number) => Error;
}

declare module 'kafkajs/src/protocol/requests/produce/*/response' {
  import type { RecordMetadata } from 'kafkajs';
  type Answer = { topics: { topicName: string; partitions: Omit<RecordMetadata, 'topicName'>[] }[] };
  const response: { parse(answer: Answer): Promise<Answer> };
  export default response;
}
