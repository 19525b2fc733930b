import type { ICustomPartitioner, Message, PartitionMetadata } from 'kafkajs';
import { murmur2 } from '../utils/murmur2';

/** Where each partition of a topic is led, as the client knows it. */
export type Leaders = readonly Pick<PartitionMetadata, 'partitionId' | 'leader'>[];

/** A message that says itself where it goes: whoever sends it has to know the partition before and after. */
export type PlacedMessage = Omit<Message, 'key'> & {
  key: Buffer | null;
  /** Where it goes without a key: a dead letter stays on the partition that its original came from. */
  fallbackPartition: number;
  /** @returns the partition */
  place: (message: PlacedMessage, leaders: Leaders) => number;
};

/** Partition of a key: `toPositive(murmur2(key)) % partitions`, as Kafka's default partitioner does. */
export const partitionOf = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions;

/** Partition of a message among so many. */
export const placeOf = ({ key, fallbackPartition }: Pick<PlacedMessage, 'key' | 'fallbackPartition'>, partitions: number): number =>
  (key === null ? fallbackPartition % partitions : partitionOf(key, partitions));

export const keyPartitioner: ICustomPartitioner = () => ({ partitionMetadata, message }) => {
  const placed = message as PlacedMessage;
  return placed.place(placed, partitionMetadata);
};
