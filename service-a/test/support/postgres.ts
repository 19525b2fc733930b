import { Client } from 'pg';
import type { OrderFact } from '../../src/processors/facts';
import type { ApplyBatch, BatchResult } from '../../src/processors/tables';
import { createPostgresStore } from '../../src/store/postgres/store';
import { recordingLogger } from './fakes';

export const topics = { orders: 'orders', payments: 'payments', deadLetters: 'orders.DLT' };

type Options = Partial<Parameters<typeof createPostgresStore>[0]>;

/** A started store on the database of `url`; `stopAll` is for `afterEach`. */
export const createStores = () => {
  const started: { stop: () => Promise<void> }[] = [];
  return {
    open: async (url: string, options: Options = {}) => {
      const opened = createPostgresStore({ url, topics, logger: recordingLogger().logger, ...options });
      started.push(opened);
      await opened.start();
      return opened;
    },
    stopAll: async (): Promise<void> => {
      await Promise.all(started.splice(0).map(({ stop }) => stop()));
    },
  };
};

/** The facts of one partition, one a record from `from` on. */
export const batchOf = (facts: OrderFact[], { topic = topics.orders, partition = 0, from = 0 } = {}): Parameters<ApplyBatch>[0] => ({
  topic, partition, from: String(from), to: String(from + facts.length),
  facts: facts.map((fact, i) => ({ offset: String(from + i), fact })),
});

/** What a batch changed, as `id's last digits, status, offset`. */
export const changedOf = (result: BatchResult): string[] => {
  if (result.kind !== 'applied') throw new Error(`overtaken, next is ${result.next}`);
  return result.changed.map(({ orderId, status, offset }) => `${orderId.slice(-4)} ${status} ${offset}`);
};

/** A connection of its own, for what the store does not do. */
export const connectTo = async (url: string) => {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return {
    query: async (text: string, values: unknown[] = []): Promise<unknown[]> => {
      const { rows } = await client.query<Record<string, unknown>>(text, values);
      return rows;
    },
    end: () => client.end().catch(() => undefined),
  };
};
