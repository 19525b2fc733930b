import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminConfig, ConsumerConfig, Kafka } from 'kafkajs';
import createAdmin from 'kafkajs/src/admin';
import createConsumer from 'kafkajs/src/consumer';
import { KafkaJSConnectionClosedError, KafkaJSOffsetOutOfRange } from 'kafkajs/src/errors';
import { createLogger, LEVELS } from 'kafkajs/src/loggers';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { patchGroups } from '../../src/kafka/kafkajs-group-patches';

/** A record of a log in memory; offsets may have gaps. */
export type LogRecord = {
  offset: number; key?: string; value?: string | Buffer; headers?: Record<string, Buffer>; timestamp?: string; isControlRecord?: boolean;
  /** Of a transaction that came to nothing. */
  isAborted?: boolean;
};

export const CODES = {
  offsetOutOfRange: 1, notLeader: 6, unknownTopic: 3, rebalanceInProgress: 27, notCoordinator: 16, unknownMember: 25, illegalGeneration: 22,
  topicAuthorizationFailed: 29,
};

export const records = (count: number, from = 0, more: Partial<LogRecord> = {}): LogRecord[] =>
  Array.from({ length: count }, (_record, i) => ({ offset: from + i, key: `k${from + i}`, value: '{}', ...more }));

/** What ends a transaction that came to nothing. */
export const abortMark = (offset: number): LogRecord => ({ offset, key: '\0\0\0\0', isControlRecord: true });

type Partitions = { partition: number; fetchOffset?: string; offset?: { toString: () => string } }[];
type Topics = { topic: string; partitions: Partitions; fromBeginning?: boolean; fromTimestamp?: number }[];
type Asked = {
  topics: Topics; groupId: string; groupGenerationId: number; groupProtocols: { name: string; metadata: Buffer }[];
  groupAssignment: { memberAssignment: Buffer }[];
};

/**
 * KafkaJS's real consumer, alone in its group, and its admin, over one topic in memory: `leaders[p]` leads partition p, and what a broker
 * answers can be replaced by an error, once.
 */
export const aCluster = ({ leaders, logs }: { leaders: number[]; logs: LogRecord[][] }) => {
  patchGroups();
  const state = {
    leaders, logs,
    committed: new Map<number, number>(), fetches: [] as string[], joins: 0, coordinator: 1, memberId: 'm',
    /** By broker: the code that its next fetch is answered with. */
    fetchErrors: new Map<number, number>(),
    /** By broker: what its next fetch waits for before it answers. */
    fetchWaits: new Map<number, Promise<void>>(),
    heartbeatError: 0, heartbeats: 0,
    /** By partition: where its log begins, if not at 0. */
    lows: [] as number[],
    /** What clients wait for before they are connected, and before they are told offsets. */
    reach: async (): Promise<void> => undefined,
    /** By group: what its next join waits for. */
    joinWaits: new Map<string, Promise<void>>(),
    left: [] as string[], deletedGroups: [] as string[],
    /** How many of the next JoinGroup requests are cut off. */
    joinsCutOff: 0,
    /** Of how many of the next SyncGroup requests the answer is lost. */
    syncsCutOff: 0,
  };
  const failOnce = (code: number): void => {
    if (code === CODES.offsetOutOfRange) throw new KafkaJSOffsetOutOfRange(createErrorFromCode(code), { topic: 'orders', partition: 0 });
    if (code !== 0) throw createErrorFromCode(code);
  };

  const coordinator = (nodeId: number) => ({
    nodeId,
    isConnected: () => true,
    joinGroup: async ({ groupId, groupProtocols: [protocol] }: Asked) => {
      await (state.joinWaits.get(groupId) ?? sleep(1));
      if (state.joinsCutOff > 0) {
        state.joinsCutOff -= 1;
        throw new KafkaJSConnectionClosedError('Closed connection', { host: 'kafka', port: 9092 });
      }
      state.heartbeatError = 0;
      state.joins += 1;
      const members = [{ memberId: state.memberId, memberMetadata: protocol!.metadata }];
      return { generationId: state.joins, leaderId: state.memberId, memberId: state.memberId, groupProtocol: protocol!.name, members };
    },
    syncGroup: async ({ groupAssignment: [assignment] }: Asked) => {
      if (state.syncsCutOff > 0) {
        state.syncsCutOff -= 1;
        throw new KafkaJSConnectionClosedError('Closed connection', { host: 'kafka', port: 9092 });
      }
      return assignment;
    },
    heartbeat: async () => {
      state.heartbeats += 1;
      failOnce(nodeId === state.coordinator ? state.heartbeatError : CODES.notCoordinator);
    },
    leaveGroup: async ({ groupId }: Asked) => void state.left.push(groupId),
    offsetFetch: async ({ topics }: Asked) => ({
      responses: topics.map(({ topic, partitions }) => ({
        topic, partitions: partitions.map(({ partition }) => ({ partition, offset: String(state.committed.get(partition) ?? -1) })),
      })),
    }),
    offsetCommit: async ({ topics, groupGenerationId }: Asked) => {
      failOnce(nodeId === state.coordinator ? 0 : CODES.notCoordinator);
      failOnce(groupGenerationId === state.joins ? 0 : CODES.illegalGeneration);
      for (const { partition, offset } of topics.flatMap(({ partitions }) => partitions)) state.committed.set(partition, Number(offset));
    },
    deleteGroups: async (groupIds: string[]) => {
      state.deletedGroups.push(...groupIds);
      return { results: groupIds.map((groupId) => ({ groupId, errorCode: 0 })) };
    },
  });

  const endOf = (partition: number): number => Math.max(state.lows[partition] ?? 0, (state.logs[partition]?.at(-1)?.offset ?? -1) + 1);
  const offsetOf = (partition: number, { fromBeginning, fromTimestamp }: Topics[number]): number => {
    if (fromTimestamp === undefined) return fromBeginning === true ? state.lows[partition] ?? 0 : endOf(partition);
    return state.logs[partition]?.find(({ timestamp }) => Number(timestamp) >= fromTimestamp)?.offset ?? -1;
  };

  const fetchFrom = (nodeId: number) => async ({ topics }: Asked) => {
    const wait = state.fetchWaits.get(nodeId);
    state.fetchWaits.delete(nodeId);
    await (wait ?? sleep(2));
    const code = state.fetchErrors.get(nodeId) ?? 0;
    state.fetchErrors.delete(nodeId);
    failOnce(code);
    const responses = topics.map(({ topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.map(({ partition, fetchOffset }) => {
        const log = state.logs[partition] ?? [];
        const due = log.filter(({ offset }) => offset >= Number(fetchOffset)).slice(0, 100);
        const aborted = due.find(({ isAborted }) => isAborted);
        const messages = due.map(({ offset, key, value, isAborted = false, ...record }) => ({
          timestamp: '0', attributes: 0, headers: {}, isControlRecord: false, batchContext: { producerId: '1', inTransaction: isAborted }, ...record,
          offset: String(offset), key: key === undefined ? null : Buffer.from(key), value: typeof value === 'string' ? Buffer.from(value) : value ?? null,
        }));
        if (messages.length > 0) state.fetches.push(`${partition}:${messages[0]!.offset}-${messages.at(-1)!.offset}`);
        const abortedTransactions = aborted === undefined ? [] : [{ producerId: '1', firstOffset: String(aborted.offset) }];
        return { partition, highWatermark: String(endOf(partition)), abortedTransactions, preferredReadReplica: -1, messages };
      }),
    }));
    if (responses.every(({ partitions }) => partitions.every(({ messages }) => messages.length === 0))) await sleep(10);
    return { responses };
  };

  const makeCluster = () => {
    const offsets: Record<string, Record<string, string>> = {};
    return {
      connect: () => state.reach(), disconnect: async () => undefined, isConnected: () => true, removeBroker: () => undefined,
      refreshMetadata: async () => undefined, refreshMetadataIfNecessary: async () => undefined,
      addTargetTopic: async () => undefined, addMultipleTargetTopics: async () => undefined,
      findGroupCoordinator: async () => coordinator(state.coordinator),
      findTopicPartitionMetadata: () => state.leaders.map((leader, partitionId) => ({ partitionId, leader })),
      getNodeIds: () => [...new Set(state.leaders.map(String))],
      committedOffsets: () => offsets,
      defaultOffset: () => -2,
      fetchTopicsOffset: async (topics: Topics) => {
        await state.reach();
        return topics.map((asked) => ({
          topic: asked.topic,
          partitions: asked.partitions.map(({ partition }) => ({ partition, offset: String(offsetOf(partition, asked)) })),
        }));
      },
      findBroker: async ({ nodeId }: { nodeId: number | string }) =>
        ({ nodeId, isConnected: () => true, fetch: fetchFrom(Number(nodeId)) }),
    };
  };
  const logger = createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined });
  const consumer = (config: ConsumerConfig) =>
    createConsumer({ cluster: makeCluster(), logger, ...config, retry: { initialRetryTime: 10, ...config.retry } });
  const admin = (config: AdminConfig = {}) => createAdmin({ cluster: makeCluster(), logger, ...config });
  return { kafka: { consumer, admin } as unknown as Kafka, state };
};
