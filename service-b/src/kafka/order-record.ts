import type { Order } from '../processors/order';
import { SchemaNeededError } from './avro';
import type { ConsumedRecord } from './consumed-record';
import { readOrder } from './messages';
import { redriveCountOf } from './redrive-headers';

/** What records of `orders` say, for whoever decides about them. */
export const createOrderReader = (decode: (value: Buffer | null) => unknown) => {
  /**
   * The order of a record; a promise of it where a schema has to be asked for first.
   * @throws InvalidOrderError; the promise rejects with that too, or with the reason of `signal` when that aborts first
   */
  const read = (record: ConsumedRecord, signal: AbortSignal): Order | Promise<Order> => {
    const { key, value } = record.message;
    try {
      return readOrder(key, decode(value));
    } catch (error) {
      if (error instanceof SchemaNeededError) return error.load(signal).then(() => read(record, signal));
      throw error;
    }
  };
  return {
    readOrder: read,
    /** How often the record was put back after a failure. */
    redriveOf: ({ message: { headers } }: ConsumedRecord): number => redriveCountOf(headers),
  };
};
