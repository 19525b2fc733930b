import type { Type } from 'avsc';
import type { OrderEvent } from '../processors/facts';
import { NotAppendedError } from '../processors/place-order';
import type { Logger } from '../utils/logger';
import { avroTypeOf, encodeAvro, isAvro, UndecodableError } from './avro';
import { orderCreatedText, readJson, UnreadableRecordError } from './messages';
import { createOwnSchema } from './own-schema';
import type { RegistryClient } from './registry-client';
import { createOwnReader, createSchemaCache, type SchemaReader } from './schema-cache';
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
  const readerOf = (topic: string, type: Type, eventType: string): SchemaReader => {
    const of = { subject: subjectOf(topic), type };
    return registry === undefined ? createOwnReader({ ...of, eventType }) : createSchemaCache({ ...of, registry, logger });
  };
  const orders = readerOf(topics.orders, orderType, 'ORDER_CREATED');
  const payments = readerOf(topics.payments, paymentType, 'PAYMENT_COMPLETED');
  const own = registry && createOwnSchema({ subject: subjectOf(topics.orders), schema: ordersValue, registry, logger });

  /** @throws UnreadableRecordError, SchemaNeededError */
  const read = (schemas: SchemaReader) => (value: Buffer | null): unknown => {
    if (value === null || !isAvro(value)) return readJson(value);
    try {
      return schemas.decode(value);
    } catch (error) {
      throw error instanceof UndecodableError ? new UnreadableRecordError(error.message, { cause: error }) : error;
    }
  };

  /** @throws NotAppendedError while it is not known under which id, and for what Avro cannot hold */
  const writeAvro = ({ eventId, timestamp, order }: OrderEvent, id: number | undefined): Buffer => {
    if (id === undefined) throw new NotAppendedError('the schema to write orders with is not known yet');
    try {
      return encodeAvro(orderType, id, { eventType: 'ORDER_CREATED', eventId, timestamp, data: JSON.parse(order) as unknown });
    } catch (cause) {
      throw new NotAppendedError('the order cannot be written as Avro', { cause });
    }
  };

  return {
    readOrder: read(orders),
    readPayment: read(payments),
    /** The value of a record of `orders`. */
    writeOrder: (event: OrderEvent): Buffer => (own === undefined ? Buffer.from(orderCreatedText(event)) : writeAvro(event, own.id())),
    checks: () => ({
      ...(own && { schemaRegistered: own.id() !== undefined }),
      schemasReadable: orders.readable() && payments.readable(),
    }),
    start: (): void => {
      own?.start();
      orders.start();
      payments.start();
    },
    stop: (): void => {
      own?.stop();
      orders.stop();
      payments.stop();
    },
  };
};
