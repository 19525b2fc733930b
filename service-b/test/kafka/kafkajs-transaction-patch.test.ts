import Broker, { type Fetched } from 'kafkajs/src/broker';
import { hideAbortedRecords } from '../../src/kafka/kafkajs-transaction-patch';

type Record = Fetched['messages'][number] & { key: Buffer };
const ZEROS = Buffer.alloc(4);

/** Of a transaction of a producer. */
const aRecord = (offset: number, producerId: string, key = Buffer.from('k')): Record =>
  ({ offset: String(offset), key, isControlRecord: false, batchContext: { producerId, inTransaction: true } });
const anEnd = (offset: number, producerId: string, key = ZEROS): Record => ({ ...aRecord(offset, producerId, key), isControlRecord: true });
/** Of no transaction. */
const aPlain = (offset: number): Record => ({ ...aRecord(offset, '-1'), batchContext: { producerId: '-1', inTransaction: false } });

/** Offsets of the records that come out of a fetch, with the transactions as a broker lists them: by where they ended. */
const shown = async (messages: Record[], abortedTransactions: [producerId: string, firstOffset: number][] | null): Promise<number[]> => {
  const { fetch } = Broker.prototype;
  const partition: Fetched = {
    partition: 0, highWatermark: '100', messages,
    abortedTransactions: abortedTransactions?.map(([producerId, first]) => ({ producerId, firstOffset: String(first) })) ?? null,
  };
  Broker.prototype.fetch = async () => ({ responses: [{ topicName: 'orders', partitions: [partition] }] });
  hideAbortedRecords();
  await Broker.prototype.fetch({ maxWaitTime: 0, minBytes: 1, maxBytes: 1, isolationLevel: 1, topics: [] });
  Broker.prototype.fetch = fetch;
  // KafkaJS's own filter finds nothing more to do.
  expect(partition.abortedTransactions ?? []).toEqual([]);
  expect(partition.messages).toBe(messages);
  return messages.filter(({ isControlRecord }) => !isControlRecord).map(({ offset }) => Number(offset));
};

describe('records of transactions that were aborted', () => {
  test('When one lies in another one, then nothing of either comes out', async () => {
    const messages = [aPlain(0), aRecord(1, 'outer'), aRecord(2, 'inner'), anEnd(3, 'inner'), aRecord(4, 'outer'), aPlain(5), anEnd(6, 'outer')];
    expect(await shown(messages, [['inner', 2], ['outer', 1]])).toEqual([0, 5]);
  });

  test('When several had begun before what was asked for, then nothing of any comes out', async () => {
    const messages = [aRecord(10, 'b'), aRecord(11, 'a'), anEnd(12, 'a'), aRecord(13, 'b'), anEnd(14, 'b')];
    expect(await shown(messages, [['a', 1], ['b', 2]])).toEqual([]);
  });

  test('When a record has the key that the mark of an abort has, then it is a record like any other', async () => {
    const messages = [aRecord(0, 'a', ZEROS), aRecord(1, 'a'), anEnd(2, 'a'), aRecord(3, 'a', ZEROS), aRecord(4, 'a'), anEnd(5, 'a', Buffer.from([0, 0, 0, 1]))];
    expect(await shown(messages, [['a', 0]])).toEqual([3, 4]);
  });

  test('When a producer goes on after it, then what it commits or writes outside of transactions comes out', async () => {
    const messages = [
      aRecord(0, 'a'), anEnd(1, 'a'), aRecord(2, 'a'), aRecord(3, 'b'), anEnd(4, 'a', Buffer.from([0, 0, 0, 1])), aRecord(5, 'a'), anEnd(6, 'a'), anEnd(7, 'b'),
      aPlain(8),
    ];
    expect(await shown(messages, [['a', 0], ['a', 5], ['b', 3]])).toEqual([2, 8]);
  });

  test('When there is none, then all comes out', async () => {
    const messages = () => [aPlain(0), aRecord(1, 'a'), anEnd(2, 'a', Buffer.from([0, 0, 0, 1]))];
    expect(await shown(messages(), null)).toEqual([0, 1]);
    expect(await shown(messages(), [])).toEqual([0, 1]);
  });
});
