import { AsyncLocalStorage } from 'node:async_hooks';
import Cluster from 'kafkajs/src/cluster';

const READ_UNCOMMITTED = 0;
const wanted = new AsyncLocalStorage<true>();

/** An admin that asks within it is told the ends of logs from then on. */
export const toEndOfLog = <T>(ask: () => Promise<T>): Promise<T> => wanted.run(true, ask);

/**
 * KafkaJS's admin takes for the end of a partition what a reader of committed records may see now. While a transaction is open, whatever
 * waits behind its first record would be no lag, and a state without the orders there would count as rebuilt.
 */
export const tellEndOfLog = (): void => {
  const ask = Cluster.prototype.fetchTopicsOffset;
  Cluster.prototype.fetchTopicsOffset = function fetchEnds(topics) {
    if (wanted.getStore() === true) this.isolationLevel ??= READ_UNCOMMITTED;
    return ask.call(this, topics);
  };
};
