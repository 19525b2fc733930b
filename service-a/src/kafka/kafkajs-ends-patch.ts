import Cluster from 'kafkajs/src/cluster';

const READ_UNCOMMITTED = 0;

/**
 * KafkaJS's admin takes for the end of a partition what a reader of committed records may see now. While a transaction is open, orders that
 * were accepted lie behind that: a state that does not hold them is not rebuilt.
 */
export const askForEndsOfLog = (): void => {
  const ask = Cluster.prototype.fetchTopicsOffset;
  Cluster.prototype.fetchTopicsOffset = function fetchEnds(topics) {
    // Those of consumers have one of their own.
    this.isolationLevel ??= READ_UNCOMMITTED;
    return ask.call(this, topics);
  };
};
