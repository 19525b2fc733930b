import { isDeepStrictEqual } from 'node:util';
import { partitionOf } from '../../service-a/src/kafka/partitioner';
import type { TopicRecord } from '../drill/read-topic';
import { TOPICS, type Cluster } from './cluster';
import type { Load } from './load';
import type { LogRecord, Partition } from './partition';
import type { Network } from './network';
import type { Process } from './processes';
import { createState, type ServiceA } from './service-a';
import type { ServiceB } from './service-b';

export type Logs = Record<keyof typeof TOPICS, TopicRecord[]>;

const isRecord = ({ isControlRecord, aborted }: LogRecord): boolean => !isControlRecord && !aborted;

/** One past the last offset that a reader gets to see. */
const endOf = ({ records }: Partition): number => Number(records.findLast(isRecord)?.offset ?? -1) + 1;

const asTopicRecord = (partition: number) => ({ offset, appendedAt, key, value, headers }: LogRecord): TopicRecord => ({
  partition, offset: Number(offset), appendedAt, key, value,
  headers: Object.entries(headers).flatMap(([name, one]) => [one].flat().map((each): [string, string | null] => [name, each?.toString('latin1') ?? null])),
});

/** The topics, as an independent client would read them. */
export const readLogs = (cluster: Cluster): Logs => {
  const read = (topic: string): TopicRecord[] =>
    cluster.partitionsOf(topic).flatMap(({ id, records }) => records.filter(isRecord).map(asTopicRecord(id)));
  return { orders: read(TOPICS.orders), payments: read(TOPICS.payments), deadLetters: read(TOPICS.deadLetters) };
};

/** What has not found its way yet, in words; empty when all has. */
export const unsettled = ({ cluster, load, a, members, committed }: {
  cluster: Cluster;
  load: Load;
  a: Process<ServiceA>;
  members: Process<ServiceB>[];
  /** By service-b's group. */
  committed: (topic: string, id: number) => string | undefined;
}): string[] => {
  const what: string[] = [];
  const expect = (holds: boolean, otherwise: () => string): void => {
    if (!holds) what.push(otherwise());
  };
  expect(load.open() === 0, () => `${load.open()} orders are not accepted`);
  for (const partition of cluster.partitions()) {
    const { topic, id, records, highWatermark } = partition;
    expect(partition.leader() > 0 && highWatermark() === records.length, () => `${topic}/${id} is not replicated`);
  }
  for (const partition of cluster.partitionsOf(TOPICS.orders)) {
    const upTo = Number(committed(partition.topic, partition.id) ?? 0);
    expect(upTo >= endOf(partition), () => `orders/${partition.id} is committed up to ${upTo} of ${endOf(partition)}`);
  }
  const service = a.service();
  expect(service?.ready() === true, () => 'service-a is not ready');
  for (const topic of Object.values(TOPICS)) {
    for (const partition of cluster.partitionsOf(topic)) {
      const next = service?.positions().get(`${topic}/${partition.id}`) ?? 0n;
      expect(next >= endOf(partition), () => `service-a has read ${topic}/${partition.id} up to ${next} of ${endOf(partition)}`);
    }
  }
  for (const member of members) expect(member.service()?.ready() === true, () => `${member.name} is not ready`);
  return what;
};

/**
 * So long an order may wait for its acceptance, and then for its outcome, when only other partitions are hindered: a client that asks for
 * the leaders for the first time may ask the broker that is away, and notices it after a request's 4 s.
 */
const USUAL_MS = 5_000;

/**
 * Where one broker was hindered and nothing else happened, orders of partitions with other leaders must not have waited.
 * @returns in words where they did
 */
export const heldUp = ({ cluster, network, load, logs, groupId }: {
  cluster: Cluster;
  network: Pick<Network, 'wasHindered'>;
  load: Load;
  logs: Logs;
  /** Of service-b: without its coordinator it may stop. */
  groupId: string;
}): string[] => {
  const outcomeAt = new Map([...logs.deadLetters, ...logs.payments].toReversed().map(({ key, appendedAt }) => [String(key), appendedAt]));
  const pays = !network.wasHindered(cluster.coordination(groupId).leader());
  return [...load.times()].flatMap(([orderId, { posted, accepted = Infinity }]) => {
    const partition = partitionOf(Buffer.from(orderId), cluster.partitionsOf(TOPICS.orders).length);
    if (network.wasHindered(cluster.partitionOf(TOPICS.orders, partition)!.leader())) return [];
    const waited = Math.max(accepted - posted, pays ? (outcomeAt.get(orderId) ?? Infinity) - accepted : 0);
    return waited <= USUAL_MS ? [] : [`${orderId} waited ${waited} ms, though only other partitions were hindered`];
  });
};

/** What service-a holds must be what anyone would make of the topics. @returns in words where it is not */
export const differences = async (cluster: Cluster, logs: Logs, service: ServiceA | undefined): Promise<string[]> => {
  const silent = { warn: () => undefined, info: () => undefined } as unknown as Parameters<typeof createState>[0];
  const { store, handle } = createState(silent);
  for (const topic of Object.values(TOPICS)) {
    for (const { id, records } of cluster.partitionsOf(topic)) {
      for (const record of records.filter(isRecord)) handle({ topic, partition: id, message: record as never });
    }
  }
  const orderIds = [...new Set(logs.orders.map(({ key }) => String(key)))];
  const [held, expected] = [await service?.store.getMany(orderIds), await store.getMany(orderIds)];
  return orderIds.filter((orderId) => !isDeepStrictEqual(held?.get(orderId), expected.get(orderId))).map((orderId) =>
    `service-a holds ${JSON.stringify(held?.get(orderId))} of ${orderId}, the topics say ${JSON.stringify(expected.get(orderId))}`);
};
