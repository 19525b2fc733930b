import type { IHeaders } from 'kafkajs';
import { toDeadLetter } from '../../src/kafka/dead-letter';
import type { LogReader, LogRecord, Range } from '../../src/kafka/log-reader';
import { PaymentDeclinedError } from '../../src/processors/order';
import { aRecordOf, orderIdOf } from './builders';

export const topics = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };

type Place = { topic?: string; partition?: number; offset?: string; timestamp?: string };
type Fields = Place & { key?: Buffer | null; value?: Buffer | null; headers?: IHeaders };

/** A record of a topic as it is read: of orders.DLT at 0:0, unless told otherwise. */
export const aLogRecord = ({
  topic = topics.deadLetters, partition = 0, offset = '0', key = null, value = null, headers = {}, timestamp = '1795341602000',
}: Fields = {}): LogRecord => ({ topic, partition, message: { key, value, offset, headers, timestamp, attributes: 0 } });

/** The dead letter of a declined order, as it is read. */
export const aDeadLetter = ({
  number = 0, headers = {}, error = new PaymentDeclinedError('payment gateway declined'), failedAt = '2026-11-22T10:00:02.000Z', ...place
}: Place & { number?: number; headers?: IHeaders; error?: Error; failedAt?: string } = {}): LogRecord => {
  const record = aRecordOf(orderIdOf(number));
  record.message.headers = headers;
  const letter = toDeadLetter({ record, error, retryCount: 0, failedAt: new Date(failedAt), groupId: 'service-b-consumers' });
  return aLogRecord({ ...place, key: record.message.key, value: Buffer.from(letter.value), headers: letter.headers });
};

/** A reader of a log that is a list; `uncommitted` is what its group has left of it, one after the other, then nothing. `beat` counts. */
export const aReader = (records: LogRecord[], uncommitted: Range[][] = []) => {
  const asked: { topic: string; since: number | 'uncommitted' | undefined }[] = [];
  let beats = 0;
  const reader: Pick<LogReader, 'rangesOf' | 'uncommittedOf' | 'read'> = {
    rangesOf: async (topic, since) => {
      asked.push({ topic, since });
      const partitions = new Set(records.filter((record) => record.topic === topic).map(({ partition }) => partition));
      return [...partitions].map((partition) => {
        const last = records.filter((record) => record.topic === topic && record.partition === partition).at(-1)!;
        return { topic, partition, from: 0n, to: BigInt(last.message.offset) + 1n };
      });
    },
    uncommittedOf: async (topic) => {
      asked.push({ topic, since: 'uncommitted' });
      return uncommitted.shift() ?? [];
    },
    read: async (ranges, handle, signal) => {
      for (const { topic, partition, from, to } of ranges) {
        for (const record of records) {
          const offset = BigInt(record.message.offset);
          if (record.topic !== topic || record.partition !== partition || offset < from || offset >= to) continue;
          signal.throwIfAborted();
          await handle(record, async () => void (beats += 1));
        }
      }
      signal.throwIfAborted();
    },
  };
  return { reader, asked, beats: () => beats };
};
