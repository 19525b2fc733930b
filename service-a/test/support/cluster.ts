import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerConfig, Kafka } from 'kafkajs';
import createConsumer from 'kafkajs/src/consumer';
import { KafkaJSConnectionClosedError, KafkaJSOffsetOutOfRange } from 'kafkajs/src/errors';
import { createLogger, LEVELS } from 'kafkajs/src/loggers';
import { createErrorFromCode } from 'kafkajs/src/protocol/error';
import { patchGroups } from '../../src/kafka/kafkajs-group-patches';

/** A record of a log in memory; offsets may have gaps. */
export type LogRecord = { offset: number; key?: string; value?: string; headers?: Record<string, Buffer>; isControlRecord?: boolean };

export const CODES = {
  offsetOutOfRange: 1, notLeader: 6, unknownTopic: 3, rebalanceInProgress: 27, notCoordinator: 16, unknownMember: 25, illegalGeneration: 22,
};

export const records = (count: number, from = 0, more: Partial<LogRecord> = {}): LogRecord[] =>
  Array.from({ length: count }, (_record, i) => ({ offset: from + i, key: `k${from + i}`, value: '{}', ...more }));

type Partitions = { partition: number; fetchOffset?: string; offset?: { toString: () => string } }[];
type Topics = { topic: string; partitions: Partitions }[];
type Asked = {
  topics: Topics; groupId: string; groupGenerationId: number; groupProtocols: { name: string; metadata: Buffer }[];
  groupAssignment: { memberAssignment: Buffer }[];
};

/**
 * KafkaJS's real consumer, alone in its group, over one topic in memory: `leaders[p]` leads partition p, and what a broker answers can be
 * replaced by an error, once.
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
    heartbeatError: 0,
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
    joinGroup: async ({ groupProtocols: [protocol] }: Asked) => {
      await sleep(1);
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
    heartbeat: async () => failOnce(nodeId === state.coordinator ? state.heartbeatError : CODES.notCoordinator),
    leaveGroup: async () => undefined,
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
  });

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
        const messages = due.map(({ offset, key, value, ...record }) => ({
          timestamp: '0', attributes: 0, headers: {}, isControlRecord: false, ...record,
          offset: String(offset), key: key === undefined ? null : Buffer.from(key), value: value === undefined ? null : Buffer.from(value),
        }));
        if (messages.length > 0) state.fetches.push(`${partition}:${messages[0]!.offset}-${messages.at(-1)!.offset}`);
        const highWatermark = String((log.at(-1)?.offset ?? -1) + 1);
        return { partition, highWatermark, abortedTransactions: [], preferredReadReplica: -1, messages };
      }),
    }));
    if (responses.every(({ partitions }) => partitions.every(({ messages }) => messages.length === 0))) await sleep(10);
    return { responses };
  };

  const makeCluster = () => {
    const offsets: Record<string, Record<string, string>> = {};
    return {
      connect: async () => undefined, disconnect: async () => undefined, isConnected: () => true, removeBroker: () => undefined,
      refreshMetadata: async () => undefined, refreshMetadataIfNecessary: async () => undefined,
      addMultipleTargetTopics: async () => undefined,
      findGroupCoordinator: async () => coordinator(state.coordinator),
      findTopicPartitionMetadata: () => state.leaders.map((leader, partitionId) => ({ partitionId, leader })),
      getNodeIds: () => [...new Set(state.leaders.map(String))],
      committedOffsets: () => offsets,
      defaultOffset: () => -2,
      fetchTopicsOffset: async (topics: Topics) =>
        topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map(({ partition }) => ({ partition, offset: '0' })) })),
      findBroker: async ({ nodeId }: { nodeId: number | string }) =>
        ({ nodeId, isConnected: () => true, fetch: fetchFrom(Number(nodeId)) }),
    };
  };
  const logger = createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined });
  const consumer = (config: ConsumerConfig) =>
    createConsumer({ cluster: makeCluster(), logger, ...config, retry: { initialRetryTime: 10, ...config.retry } });
  return { kafka: { consumer } as unknown as Kafka, state };
};
