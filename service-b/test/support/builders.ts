import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { ConsumedRecord } from '../../src/kafka/consumed-record';
import { blockOf, createHeaderWriter, eachHeader, headersOf, type Headers } from '../../src/kafka/record-headers';
import type { ChargeRequest } from '../../src/processors/gateway';
import { idempotencyKeyOf } from '../../src/processors/process-order';

/** An id like that of the example order, with another last digit or digits. */
export const orderIdOf = (number: number): string => `550e8400-e29b-41d4-a716-44665544${String(number).padStart(4, '0')}`;

/** The example order of the contract, as it travels. */
export const anOrder = (differences: Record<string, unknown> = {}) => ({
  orderId: orderIdOf(0),
  userId: 'user-123',
  amount: 99.99,
  currency: 'USD',
  items: [{ productId: 'prod-001', quantity: 2, price: 49.995 }],
  ...differences,
});

export const anOrderCreated = (differences: Record<string, unknown> = {}) => ({
  eventType: 'ORDER_CREATED',
  eventId: '0c4a1f6e-3c52-4c2e-9a57-6a8f0f3b1d10',
  timestamp: '2026-11-22T10:00:00.000Z',
  data: anOrder(),
  ...differences,
});

export const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A consumed record of `orders`: the example order at offset 42 of partition 1, unless told otherwise. */
export const aRecord = (differences: Partial<KafkaMessage> = {}): ConsumedRecord => ({
  topic: 'orders',
  partition: 1,
  message: {
    key: Buffer.from(orderIdOf(0)), value: bytesOf(anOrderCreated()), offset: '42', timestamp: '0', attributes: 0, headers: {}, ...differences,
  } as KafkaMessage,
});

export const aRecordOf = (orderId: string): ConsumedRecord =>
  aRecord({ key: Buffer.from(orderId), value: bytesOf(anOrderCreated({ data: anOrder({ orderId }) })) });

/** The first call of the gateway for the example order, unless told otherwise. */
export const aChargeRequest = (differences: Partial<ChargeRequest> = {}): ChargeRequest => {
  const request = { orderId: orderIdOf(0), amount: 99.99, currency: 'USD', redrive: 0, attempt: 0, ...differences };
  return { idempotencyKey: idempotencyKeyOf(request.orderId, request.redrive), ...request };
};

/** Pseudo-random numbers in [0, 1) that are the same for the same seed (mulberry32). */
export const seededRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

/** A version 4 UUID from a source of random numbers. */
export const uuidFrom = (random: () => number): string => 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'
  .replace(/x/g, () => Math.floor(random() * 16).toString(16));

/** A header as a pair, one character for one byte. */
export type Pair = [name: string, value: string | null];

/** Headers as they are read from the wire. */
export const headersOfPairs = (pairs: Pair[]): IHeaders => {
  const writer = createHeaderWriter();
  for (const [name, value] of pairs) writer.add(Buffer.from(name, 'latin1'), value === null ? null : Buffer.from(value, 'latin1'));
  return headersOf(writer.block());
};

/** Headers as they go on the wire. */
export const pairsOf = (headers: Headers | undefined): Pair[] => {
  const pairs: Pair[] = [];
  const block = blockOf(headers);
  eachHeader(block, (nameFrom, nameTo, valueFrom, end) => {
    pairs.push([block.bytes.toString('latin1', nameFrom, nameTo), valueFrom < 0 ? null : block.bytes.toString('latin1', valueFrom, end)]);
  });
  return pairs;
};
