/**
 * Shows why the services do not use KafkaJS's idempotent producer (docs/decisions/0002): node scripts/kafkajs-sequence.js
 * KafkaJS 2.2.4 itself, over a broker that appends the first batch and whose answer is lost. The second batch, another one, has the same
 * sequence number: a broker takes it for the first one sent again, drops it, and says that all is well.
 */
const createEosManager = require('kafkajs/src/producer/eosManager');
const createSendMessages = require('kafkajs/src/producer/sendMessages');
const log = [];
const broker = {
  nodeId: 1,
  initProducerId: async () => ({ producerId: 1, producerEpoch: 0 }),
  produce: async ({ topicData }) => {
    const [{ firstSequence, messages }] = topicData[0].partitions;
    log.push(`sequence ${firstSequence}: ${messages[0].value}`);
    // The first batch is appended, and its answer is lost.
    if (log.length === 1) throw new Error('connection lost');
    return { topics: [] };
  },
};
const cluster = {
  addMultipleTargetTopics: async () => {},
  refreshMetadataIfNecessary: async () => {},
  findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
  findLeaderForPartitions: () => ({ 1: [0] }),
  findBroker: async () => broker,
  findControllerBroker: async () => broker,
  isConnected: () => true,
};
const logger = { namespace: () => logger, debug() {}, warn() {}, error() {} };
const eosManager = createEosManager({ logger, cluster });
const retrier = (fn) => fn((error) => { throw error; }, 0, 0);
const send = createSendMessages({ logger, cluster, retrier, eosManager, partitioner: () => 0 });
const batch = (value) => ({ acks: -1, timeout: 1000, topicMessages: [{ topic: 'orders', messages: [{ value }] }] })
;(async () => {
  await eosManager.initProducerId();
  await send(batch('A')).catch(({ message }) => log.push(message));
  await send(batch('B'));
  console.log(log.join('\n'));
})();
