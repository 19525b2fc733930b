import type { Message } from 'kafkajs';
import { keyPartitioner, partitionOf, placeOf, type PlacedMessage } from '../../src/kafka/partitioner';
import { javaHashes } from '../support/java-hashes';

describe('partition of a key', () => {
  test.each(javaHashes)('When the key is %p, then it is the positive hash modulo the partitions', (text, hash) => {
    expect(partitionOf(Buffer.from(text), 3)).toBe((hash & 0x7fffffff) % 3);
  });

  test.each([[1, 1], [5, 2]])('When a message has no key and its original came from partition %i, then it goes to %i', (original, partition) => {
    expect(placeOf({ key: null, fallbackPartition: original }, 3)).toBe(partition);
  });

  test('When KafkaJS asks for the partition of a message, then the message answers, by what the client knows of the topic', () => {
    const partitionMetadata = [0, 1, 2].map((partitionId) => ({ partitionId, partitionErrorCode: 0, leader: 7, replicas: [1], isr: [1] }));
    const place: PlacedMessage['place'] = (placed, leaders) => placeOf(placed, leaders.length);
    const message: Message & PlacedMessage = { key: Buffer.from('foobar'), value: null, fallbackPartition: 0, place };
    expect(keyPartitioner()({ topic: 'payments', partitionMetadata, message })).toBe(partitionOf(Buffer.from('foobar'), 3));
  });
});
