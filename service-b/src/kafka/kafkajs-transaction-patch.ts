import Broker, { type Fetched } from 'kafkajs/src/broker';

/** What is hidden counts as a mark that ends a transaction: KafkaJS reads past it, and hands it to nobody. */
const hide = (partition: Fetched): void => {
  const { messages, abortedTransactions } = partition;
  if (abortedTransactions === null || abortedTransactions.length === 0) return;
  // The broker lists them by where they ended.
  const begun = abortedTransactions.map(({ producerId, firstOffset }) => ({ producerId, from: BigInt(firstOffset) }))
    .sort((one, other) => (one.from < other.from ? -1 : 1));
  const givenUp = new Set<string>();
  let next = 0;
  for (const message of messages) {
    const offset = BigInt(message.offset);
    while (next < begun.length && begun[next]!.from <= offset) givenUp.add(begun[next++]!.producerId);
    const { producerId, inTransaction } = message.batchContext;
    if (message.isControlRecord) givenUp.delete(producerId);
    else if (inTransaction && givenUp.has(producerId)) message.isControlRecord = true;
  }
  partition.abortedTransactions = [];
};

/**
 * KafkaJS 2.2.4 takes the broker's list of aborted transactions to be in the order of their beginnings, enters one of them with each
 * record, and takes any key of four zeros for the end of one. Where transactions lie in one another, records that were given up come out
 * as if they had been committed. Here it is done as Kafka's own client does it.
 */
export const hideAbortedRecords = (): void => {
  const fetch = Broker.prototype.fetch;
  Broker.prototype.fetch = async function fetchCommitted(request) {
    const answer = await fetch.call(this, request);
    for (const { partitions } of answer.responses) partitions.forEach(hide);
    return answer;
  };
};
