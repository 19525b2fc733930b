import { InvalidOrderError } from '../processors/order';
import type { PaymentCompleted } from '../processors/payment';
import type { Logger } from '../utils/logger';
import { avroTypeOf, encodeAvro, isAvro, UndecodableError } from './avro';
import { paymentCompletedText, readJson } from './messages';
import { createOwnSchema } from './own-schema';
import type { RegistryClient } from './registry-client';
import { createOwnReader, createSchemaCache } from './schema-cache';
import { ordersValue } from './schemas/orders-value';
import { paymentsValue } from './schemas/payments-value';

const orderType = avroTypeOf(ordersValue);
const paymentType = avroTypeOf(paymentsValue);

/** As Kafka's own serialisers name it. */
const subjectOf = (topic: string): string => `${topic}-value`;

export type Codec = ReturnType<typeof createCodec>;

/** Between values of records and events: reads JSON and Avro, record by record; writes Avro if there is a registry, else JSON. */
export const createCodec = ({ topics, registry, logger }: {
  topics: { orders: string; payments: string };
  registry: RegistryClient | undefined;
  logger: Logger;
}) => {
  const of = { subject: subjectOf(topics.orders), type: orderType };
  const orders = registry === undefined
    ? createOwnReader({ ...of, eventType: 'ORDER_CREATED' })
    : createSchemaCache({ ...of, registry, logger });
  const own = registry && createOwnSchema({ subject: subjectOf(topics.payments), schema: paymentsValue, registry, logger });

  return {
    /** @throws InvalidOrderError, SchemaNeededError */
    readOrder: (value: Buffer | null): unknown => {
      if (value === null || !isAvro(value)) return readJson(value);
      try {
        return orders.decode(value);
      } catch (error) {
        throw error instanceof UndecodableError ? new InvalidOrderError(error.message, { cause: error }) : error;
      }
    },
    /**
     * The value of a record of `payments`; as Avro once its schema is known.
     * @throws the reason of `signal`, if it aborts first
     */
    writePayment: async (event: PaymentCompleted, signal: AbortSignal): Promise<Buffer | string> => {
      if (own === undefined) return paymentCompletedText(event);
      return encodeAvro(paymentType, await own.known(signal), event);
    },
    checks: () => ({ ...(own && { schemaRegistered: own.id() !== undefined }), schemasReadable: orders.readable() }),
    start: (): void => {
      own?.start();
      orders.start();
    },
    stop: (): void => {
      own?.stop();
      orders.stop();
    },
  };
};
